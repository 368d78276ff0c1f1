// Looks at what the models of kernel words must know: which slot runs, which files are the menu,
// and which slots the asked-for roots are.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { readText, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import { CUSTOM_CONFIG_MARK } from '@kubenest/provision/boot/grub-config'
import { findSlots, resolveRoot, type SlotPair } from '../../backends/find-slots.ts'
import { findBootLayout } from '../../bootloader/boot-layout.ts'
import type { SlotName } from '../../update/journal-state.ts'
import type { BootFacts } from '../setting-model.ts'

/** The verified root of a dm-verity system (contract 8.2). */
const VERITY_ROOT = '/dev/mapper/kubeos-root'

/** Looks at the node; throws when its slots cannot be told. */
export async function readBootFacts(
  configs: readonly ConfigureEntry[],
  sysroot: SysRoot,
): Promise<BootFacts | 'verity'> {
  if ((await stat(sysroot.path(VERITY_ROOT))) !== undefined) return 'verity'
  const slots = await findSlots(sysroot)
  const { booted, partuuids } = slots
  const menus = await findMenus(sysroot)
  return { menus, booted, partuuids, slotOfRoot: await slotsOfRoots(configs, sysroot, slots) }
}

/** On a node whose menu somebody else made, the entries of our custom.cfg boot (decision 26). */
async function findMenus(sysroot: SysRoot): Promise<string[]> {
  const { folder } = await findBootLayout(sysroot)
  const menu = (await readText(sysroot.path(`${folder}/grub.cfg`))) ?? ''
  const custom = await readText(sysroot.path(`${folder}/custom.cfg`))
  const isOwn = menu.includes('function kubenest_slot {')
  const bootsByCustom = !isOwn && custom?.startsWith(CUSTOM_CONFIG_MARK) === true
  return [...(bootsByCustom ? [`${folder}/custom.cfg`] : []), `${folder}/grub.cfg`]
}

async function slotsOfRoots(
  configs: readonly ConfigureEntry[],
  sysroot: SysRoot,
  slots: SlotPair,
): Promise<Map<string, SlotName>> {
  const found = new Map<string, SlotName>()
  for (const { contents } of configs) {
    const root = Object.hasOwn(contents, 'root') ? contents['root']?.value : undefined
    if (typeof root !== 'string') continue
    const device = await resolveRoot(sysroot, root.trim())
    const slot = (['A', 'B'] as const).find((name) => slots.devices[name] === device)
    if (slot !== undefined) found.set(root.trim(), slot)
  }
  return found
}
