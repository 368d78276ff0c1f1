// Gives a node whose menu somebody else made the fallback and the backup environment (decision 26).
// Made under a new name, flushed, then renamed to the name that does not exist yet: what a power
// cut leaves is nothing or an empty file, which both boot and are completed at the next start. A
// custom.cfg that is not ours is never touched.
import { createNewFile, readText, removePath, renameNew } from '@kubenest/base/files'
import {
  CUSTOM_CONFIG_MARK,
  isKernelArgument,
  KERNEL_ARGUMENTS,
  renderCustomConfig,
} from '@kubenest/provision/boot/grub-config'
import { kernelLinesOf } from '../settings/grub/menu-file.ts'
import type { SlotName } from '../update/journal-state.ts'

export type CustomConfigOutcome =
  /** The menu is ours: nothing is needed. */
  | 'own-menu'
  | 'installed'
  | 'present'
  | 'foreign'
  /** There is no menu, or the slots have no GUIDs: nothing to help. */
  | 'not-applicable'

/** Makes sure that the boot folder (a real path) has our custom.cfg where it needs one. */
export async function installCustomConfig(
  folder: string,
  partuuids: { readonly a: string; readonly b: string } | undefined,
): Promise<CustomConfigOutcome> {
  const menu = await readText(`${folder}/grub.cfg`)
  if (menu === undefined) return 'not-applicable'
  if (menu.includes('function kubenest_slot {')) return 'own-menu'
  const present = await readText(`${folder}/custom.cfg`)
  // Empty is what a cut in the rename below leaves: vfat makes the new name before it tells it the
  // content (replay of R-02, phase "retrofit").
  if (present !== undefined && present !== '')
    return present.startsWith(CUSTOM_CONFIG_MARK) ? 'present' : 'foreign'
  if (partuuids === undefined) return 'not-applicable'
  const text = renderCustomConfig({
    partuuidA: partuuids.a,
    partuuidB: partuuids.b,
    kernelArguments: argumentsOf(menu, 'A'),
    kernelArgumentsB: argumentsOf(menu, 'B'),
  })
  try {
    await createNewFile(`${folder}/custom.new`, text)
    await renameNew(`${folder}/custom.new`, `${folder}/custom.cfg`)
  } catch (error) {
    await removePath(`${folder}/custom.new`)
    throw error
  }
  return 'installed'
}

/** What users have set in that menu goes on in ours, but for words that our script cannot hold. */
function argumentsOf(menu: string, slot: SlotName): readonly string[] {
  const line = kernelLinesOf(menu.split('\n')).find((each) => each.slot === slot)
  if (line === undefined) return KERNEL_ARGUMENTS
  return line.words.filter((word) => !word.startsWith('root=') && isKernelArgument(word))
}
