// What docker and containerd have in common (contract 4.5.2): refuse by looking, take what is here
// or pull it, compare the digest, bring /os.tar to light, compare again. The name may be moved to
// another image between two commands; a digest that is the same before and after was the one used.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { OsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { freeBytes } from '../../linux/free-space.ts'
import type { RawFiles } from '../../linux/raw-file.ts'
import { openFileStream } from './file-stream.ts'
import { assertPromised, parseChecksum } from './image-digest.ts'
import { parseImageName, type ImageName } from './image-name.ts'
import type { ImageSource } from './image-source.ts'
import { makeWorkFolder, removeWorkFolderIfEmpty, WORK_FOLDER } from './work-folder.ts'

/** The documented room for container images, bytes. */
const ROOM_BYTES = 3 * 1024 * 1024 * 1024
/** Slowest useful speed and what is added to it, as for downloads (decision 24). */
const SPEED_BYTES_PER_SECOND_MIN = 64 * 1024
const EXTRA_TIME_MS = 600_000

export interface ContainerDeps {
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly log: Logger
  readonly exec: Exec
  readonly rawFiles: RawFiles
}

/** What a pull is bound to. */
export interface PullLimits {
  readonly sizeBytesMax: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** An engine that holds images; {@link createContainerSource} makes a source of it. */
export interface ContainerEngine {
  /** Digests of a local image; `undefined` when it is not here. */
  digests(image: ImageName, signal: AbortSignal): Promise<readonly string[] | undefined>
  /** Forgets the name, so that the next pull cannot be answered by what is here. */
  forget(image: ImageName, signal: AbortSignal): Promise<void>
  pull(image: ImageName, limits: PullLimits): Promise<void>
  /** Makes the file `/os.tar` of the image readable; returns its real path. */
  expose(image: ImageName, limits: PullLimits): Promise<string>
  /** Removes everything that `expose` made, also in an earlier life. */
  cleanUp(): Promise<void>
}

/** Makes the source of an engine. */
export function createContainerSource(deps: ContainerDeps, engine: ContainerEngine): ImageSource {
  const close = async () => {
    await engine.cleanUp()
    await removeWorkFolderIfEmpty(deps.sysroot)
  }
  return {
    async open(request, { sizeBytesMax }, signal) {
      const { image, expected } = checkRequest(request)
      const timeoutMs = (sizeBytesMax / SPEED_BYTES_PER_SECOND_MIN) * 1000 + EXTRA_TIME_MS
      const limits = { sizeBytesMax, timeoutMs, signal }
      await makeRoom(deps.sysroot)
      try {
        await engine.cleanUp()
        await fetchImage(deps, engine, { image, expected, limits })
        const file = await engine.expose(image, limits)
        assertPromised(image.text, (await engine.digests(image, signal)) ?? [], expected)
        const stream = await openFileStream(deps.rawFiles, file, sizeBytesMax)
        return { ...stream, file, isAuthentic: true, close }
      } catch (error) {
        await close()
        throw error
      }
    },
    discard: close,
  }
}

function checkRequest(request: PrepareUpgradeParams): { image: ImageName; expected: string } {
  const image = parseImageName(request.container_image)
  const expected = parseChecksum(request.check_sum)
  if (image.digest !== undefined) assertPromised(image.text, [image.digest], expected)
  return { image, expected }
}

/** Told before anything is pulled: how much is needed, and how much there is. */
async function makeRoom(sysroot: SysRoot): Promise<void> {
  const folder = sysroot.path(WORK_FOLDER)
  await makeWorkFolder(sysroot)
  const free = await freeBytes(folder)
  if (free >= ROOM_BYTES) return
  await removeWorkFolderIfEmpty(sysroot)
  throw new OsError('host', {
    code: 'disk-full',
    message: `Cannot use a container image: it needs ${ROOM_BYTES} bytes on the persist partition and ${free} are free; free some, or use imagetype disk`,
    fields: { needed: ROOM_BYTES, free },
  })
}

/** An image that is here with the right digest is not pulled again. */
async function fetchImage(
  deps: ContainerDeps,
  engine: ContainerEngine,
  { image, expected, limits }: { image: ImageName; expected: string; limits: PullLimits },
): Promise<void> {
  const local = await engine.digests(image, limits.signal)
  if (local?.includes(expected)) {
    deps.log.info('the image is here already', { image: image.text })
    return
  }
  if (local !== undefined) await engine.forget(image, limits.signal)
  deps.log.info('pulling the image', { image: image.text })
  await engine.pull(image, limits)
  assertPromised(image.text, (await engine.digests(image, limits.signal)) ?? [], expected)
}
