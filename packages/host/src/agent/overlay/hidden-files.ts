// What status tells of hidden files. Found once after an upgrade has committed, while the slot
// before it is still there to compare with, and remembered: the next upgrade overwrites that slot,
// the surprise stays.
import { toOsError } from '@kubenest/base/errors'
import { readText, replaceFile } from '@kubenest/base/files'
import { JOURNAL_FOLDER, type EngineContext, type NodeFacts } from '../update/engine-context.ts'
import { digestShown, findHiddenFiles, type HiddenFile } from './find-hidden-files.ts'
import { findOverlay, OVERLAY_FOLDER } from './find-overlay.ts'

const MEMORY_FILE = `${JOURNAL_FOLDER}/hidden-files.json`
const SHOWN_MAX = 5
const REMEMBERED_MAX = 200

interface Memory {
  readonly format: 1
  /** Digest of the slot that the list belongs to, as its record has it. */
  readonly slotDigest: string
  readonly files: readonly HiddenFile[]
}

/** Files that hide newer ones of the running image, now. */
export async function listHiddenFiles(
  context: EngineContext,
  facts: NodeFacts,
): Promise<HiddenFile[]> {
  const upper = await findOverlay(context.sysroot)
  const slotDigest = facts.journal.slots[facts.booted].digest
  if (upper === undefined || slotDigest === undefined) return []
  const memory = await readMemory(context)
  const files =
    memory?.slotDigest === slotDigest ? memory.files : await find(context, facts, slotDigest)
  const still: HiddenFile[] = []
  for (const file of files) {
    const inside = file.path.slice(OVERLAY_FOLDER.length)
    const shownDigest = await digestShown(context.sysroot.path(`${upper}${inside}`))
    if (shownDigest !== undefined && shownDigest !== file.imageDigest)
      still.push({ ...file, shownDigest })
  }
  return still
}

/** The same as reasons of reduced safety for `status`. */
export async function describeHiddenFiles(
  context: EngineContext,
  facts: NodeFacts,
): Promise<{ reason: string; message: string }[]> {
  const files = await listHiddenFiles(context, facts)
  const shown = files.slice(0, SHOWN_MAX).map((file) => ({
    reason: 'HiddenFile',
    message: `${file.path} on this node (${nameOf(file.shownDigest)}) hides the newer file of the image (${nameOf(file.imageDigest)}); keep it, or release it with: os-agent release-file ${file.path}`,
  }))
  const rest = files.length - shown.length
  if (rest === 0) return shown
  const message = `${rest} more files of ${OVERLAY_FOLDER} hide newer files of the image`
  return [...shown, { reason: 'HiddenFile', message }]
}

/** Only the slot that an upgrade has just committed is newer than the other one. */
async function find(
  context: EngineContext,
  facts: NodeFacts,
  slotDigest: string,
): Promise<readonly HiddenFile[]> {
  const { phase, operation } = facts.journal
  const isFresh = phase === 'Committed' && operation?.kind === 'upgrade'
  if (!isFresh || operation.target !== facts.booted) return []
  const files = (await findHiddenFiles(context, facts)).slice(0, REMEMBERED_MAX)
  const memory: Memory = { format: 1, slotDigest, files }
  await replaceFile(context.sysroot.path(MEMORY_FILE), JSON.stringify(memory), 0o600)
  return files
}

async function readMemory(context: EngineContext): Promise<Memory | undefined> {
  const text = await readText(context.sysroot.path(MEMORY_FILE))
  if (text === undefined) return undefined
  try {
    const memory = JSON.parse(text) as Memory
    return memory.format === 1 ? memory : undefined
  } catch (cause) {
    // It is a copy of what can be found again, and of no use for anything but a report.
    context.log.warn('the list of hidden files is broken', { reason: toOsError(cause).message })
    return undefined
  }
}

function nameOf(digest: string): string {
  return digest === 'removed' ? 'removed' : `sha256:${digest}`
}
