// Gives a file of /etc back to the image: the node's own version leaves the upper layer and is kept
// aside. The layer is mounted meanwhile and the kernel remembers names, so the image's file shows
// for certain from the next boot on.
import { OsError } from '@kubenest/base/errors'
import {
  ensureDirectory,
  renamePath,
  resolveLinks,
  stat,
  syncDirectory,
} from '@kubenest/base/files'
import {
  JOURNAL_FOLDER,
  readFacts,
  timestamp,
  type EngineContext,
} from '../update/engine-context.ts'
import { withSlotLock } from '../update/slot-lock.ts'
import { digestInside, withSlotRoot } from './find-hidden-files.ts'
import { findOverlay, OVERLAY_FOLDER } from './find-overlay.ts'

/** Versions of the node that were taken out of the layer. */
export const RELEASED_FOLDER = `${JOURNAL_FOLDER}/released`

/** A file that now is the image's. */
export interface ReleasedFile {
  readonly path: string
  /** Where the node's own version is kept. */
  readonly keptAs: string
}

/**
 * Releases one file; throws code `file-not-released` with the reason when there is nothing to
 * release.
 */
export function releaseFile(context: EngineContext, path: string): Promise<ReleasedFile> {
  return withSlotLock(context, async () => {
    const name = nameBelow(path)
    const upper = await findOverlay(context.sysroot)
    if (upper === undefined) throw refuse(path, `${OVERLAY_FOLDER} is no overlay on this node`)
    const file = context.sysroot.path(`${upper}/${name}`)
    await assertOwnVersion(file, path, await resolveLinks(context.sysroot.path(upper)), name)
    await assertInImage(context, path)
    const keptAs = `${RELEASED_FOLDER}/${name}.${timestamp(context.clock)}`
    await moveAside(file, context.sysroot.path(keptAs))
    context.log.warn('a file of the image shows again from the next boot on', { path, keptAs })
    return { path, keptAs }
  })
}

function nameBelow(path: string): string {
  const words = path.split('/')
  const isClean = words.slice(1).every((word) => word !== '' && word !== '.' && word !== '..')
  if (!path.startsWith(`${OVERLAY_FOLDER}/`) || !isClean || /\p{Cc}/u.test(path))
    throw new OsError('invalid', {
      code: 'path-not-released',
      message: `Cannot release ${JSON.stringify(path.slice(0, 300))}: it is not a full path below ${OVERLAY_FOLDER}; os-agent status shows the paths`,
    })
  return path.slice(OVERLAY_FOLDER.length + 1)
}

async function assertOwnVersion(
  file: string,
  path: string,
  upper: string | undefined,
  name: string,
): Promise<void> {
  const kind = (await stat(file))?.kind
  if (kind === undefined)
    throw refuse(path, "this node has no version of its own: it is the image's")
  if (kind !== 'file' && kind !== 'other') throw refuse(path, `it is a ${kind}, not a file`)
  const folder = file.slice(0, file.lastIndexOf('/'))
  const expected = `${upper}/${name}`
  if ((await resolveLinks(folder)) !== expected.slice(0, expected.lastIndexOf('/')))
    throw refuse(path, 'its folder is a link')
}

/** Without a file of the image a release would be a deletion. */
async function assertInImage(context: EngineContext, path: string): Promise<void> {
  const facts = await readFacts(context)
  const digest = await withSlotRoot(context, facts, facts.booted, undefined, (root) =>
    digestInside(root, path),
  )
  if (digest === undefined)
    throw refuse(path, 'the running image has no file of this name; remove it with rm instead')
}

async function moveAside(file: string, kept: string): Promise<void> {
  const folder = kept.slice(0, kept.lastIndexOf('/'))
  await ensureDirectory(folder, 0o700)
  await renamePath(file, kept)
  await syncDirectory(folder)
  await syncDirectory(file.slice(0, file.lastIndexOf('/')))
}

function refuse(path: string, reason: string): OsError {
  return new OsError('invalid', {
    code: 'file-not-released',
    message: `Cannot release ${path}: ${reason}`,
  })
}
