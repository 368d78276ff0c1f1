// Files of the writable /etc that hide files which the running image has changed since the slot
// before it: a known surprise of overlays, because a file that was once edited never follows an
// upgrade again. Reads only. Links and opaque folders are not followed.
import { toOsError } from '@kubenest/base/errors'
import { digestFile, listDirectory, stat } from '@kubenest/base/files'
import { openExt4, type Ext4Reader } from '../backends/ext4-reader.ts'
import type { EngineContext, NodeFacts } from '../update/engine-context.ts'
import { otherSlot, type SlotName } from '../update/journal-state.ts'
import { createSha256 } from '../../linux/sha256.ts'
import { findOverlay, OVERLAY_FOLDER } from './find-overlay.ts'

/** A file that shows although the image has a newer one. */
export interface HiddenFile {
  /** Path as programs see it, below /etc. */
  readonly path: string
  /** SHA-256 of what shows, hex; `removed` when the file was deleted on this node. */
  readonly shownDigest: string
  /** SHA-256 of the image's file that does not show, hex. */
  readonly imageDigest: string
}

const ENTRIES_MAX = 5_000
const DEPTH_MAX = 16
const FILE_BYTES_MAX = 16 * 1024 * 1024

/**
 * Compares the upper layer with both slots; a file that the new image did not change is somebody's
 * deliberate override and is left out. Nothing when the other slot can no longer be read.
 */
export async function findHiddenFiles(
  context: EngineContext,
  facts: Pick<NodeFacts, 'slots' | 'booted'>,
): Promise<HiddenFile[]> {
  const upper = await findOverlay(context.sysroot)
  if (upper === undefined) return []
  const names = await listUpper(context.sysroot.path(upper))
  if (names.length === 0) return []
  return withSlotRoot(context, facts, facts.booted, [] as HiddenFile[], (image) =>
    withSlotRoot(context, facts, otherSlot(facts.booted), [] as HiddenFile[], async (before) => {
      const hidden: HiddenFile[] = []
      for (const name of names) {
        const path = `${OVERLAY_FOLDER}/${name}`
        const imageDigest = await digestInside(image, path)
        if (imageDigest === undefined || (await digestInside(before, path)) === imageDigest)
          continue
        const shownDigest = await digestShown(context.sysroot.path(`${upper}/${name}`))
        if (shownDigest !== undefined && shownDigest !== imageDigest)
          hidden.push({ path, shownDigest, imageDigest })
      }
      return hidden
    }),
  )
}

/** SHA-256 of a file of the upper layer; `removed` for its mark of a deletion. */
export async function digestShown(file: string): Promise<string | undefined> {
  const info = await stat(file)
  if (info?.kind === 'other') return 'removed'
  if (info?.kind !== 'file' || info.sizeBytes > FILE_BYTES_MAX) return undefined
  return digestFile(file)
}

/** Names below a folder, relative to it, in order; folders themselves are left out. */
async function listUpper(root: string): Promise<string[]> {
  const names: string[] = []
  const open = [{ folder: '', depth: 0 }]
  for (let next = open.shift(); next !== undefined; next = open.shift())
    for (const each of await listDirectory(`${root}/${next.folder}`)) {
      if (names.length + open.length >= ENTRIES_MAX) return names
      const name = next.folder === '' ? each : `${next.folder}/${each}`
      const kind = (await stat(`${root}/${name}`))?.kind
      if (kind === 'directory' && next.depth < DEPTH_MAX)
        open.push({ folder: name, depth: next.depth + 1 })
      else if (kind === 'file' || kind === 'other') names.push(name)
    }
  return names
}

/** SHA-256 of a file inside a slot; `undefined` when there is none or it is too large. */
export async function digestInside(root: Ext4Reader, path: string): Promise<string | undefined> {
  const sizeBytes = await root.sizeOf(path)
  if (sizeBytes === undefined || sizeBytes > FILE_BYTES_MAX) return undefined
  const digest = createSha256()
  for await (const piece of root.streamFile(path)) digest.update(piece)
  return digest.digest()
}

/** Looks into a slot; `otherwise` when it holds no root (any more). */
export async function withSlotRoot<T>(
  context: EngineContext,
  { slots }: Pick<NodeFacts, 'slots'>,
  slot: SlotName,
  otherwise: T,
  task: (root: Ext4Reader) => Promise<T>,
): Promise<T> {
  const file = await context.rawFiles.open(slots.devices[slot], { access: 'read' })
  try {
    const root = await openExt4(async (position, length) => {
      const buffer = new Uint8Array(length)
      return buffer.subarray(0, await file.read(buffer, position))
    })
    return await task(root)
  } catch (cause) {
    const error = toOsError(cause)
    if (error.kind !== 'integrity') throw error
    return otherwise
  } finally {
    await file.close()
  }
}
