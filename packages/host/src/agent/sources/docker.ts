// Image type `docker` (contract 4.5.3), by the docker command or, where there is none, isula, which
// knows the same words. The image stays on the node, as documented; the container does not.
import { OsError } from '@kubenest/base/errors'
import { removePath, stat, writeFile } from '@kubenest/base/files'
import { askEngine, hasTool, pullImage, tellEngine } from './container-engine.ts'
import {
  createContainerSource,
  type ContainerDeps,
  type ContainerEngine,
  type PullLimits,
} from './container-source.ts'
import { assertSize } from './file-stream.ts'
import { digestsOfList } from './image-digest.ts'
import type { ImageSource } from './image-source.ts'
import { CONTAINER_MARK, hasWorkFolder, TAR_FILE, WORK_FOLDER } from './work-folder.ts'

/** The documented name of the container that only serves to read from. */
const CONTAINER = 'kubeos-temp'
const LOOK_INTERVAL_MS = 500

/** Makes the source for docker and isula. */
export function createDockerSource(deps: ContainerDeps): ImageSource {
  return createContainerSource(deps, createDockerEngine(deps))
}

function createDockerEngine(deps: ContainerDeps): ContainerEngine {
  const { exec, log } = deps
  const tool = onDemand(async () => ((await hasTool(exec, 'docker')) ? 'docker' : 'isula'))
  return {
    async digests(image, signal) {
      const cli = await tool()
      if ((await askEngine(exec, [cli, 'inspect', image.text], signal)) === undefined)
        return undefined
      const format = cli === 'docker' ? '{{.RepoDigests}}' : '{{.image.repo_digests}}'
      const argv = [cli, 'inspect', '--format', format, image.text] as const
      const list = await tellEngine(exec, 'read the digest of the image', { argv, signal })
      // Built or loaded here, never pulled: nothing to compare, so it is pulled.
      return list.trim() === '[]' ? [] : digestsOfList(list)
    },
    async forget(image, signal) {
      // In use by a container: the pull moves the name all the same.
      if ((await askEngine(exec, [await tool(), 'rmi', image.text], signal)) === undefined)
        log.warn('the old image of this name stays', { image: image.text })
    },
    async pull(image, limits) {
      await pullImage(exec, {
        argv: [await tool(), 'pull', image.text],
        image: image.text,
        ...limits,
      })
    },
    async expose(image, limits) {
      const cli = await tool()
      await writeFile(deps.sysroot.path(CONTAINER_MARK), '')
      const argv = [cli, 'create', '--name', CONTAINER, image.text] as const
      const output = await tellEngine(exec, 'read the image', { argv, signal: limits.signal })
      const id = /^[0-9a-f]{12,64}$/m.exec(output.trim())?.[0]
      if (id === undefined) throw noContainer(output)
      return await copyOut(deps, cli, id, limits)
    },
    async cleanUp() {
      if (!(await hasWorkFolder(deps.sysroot))) return
      await removeContainer(deps, await tool())
      for (const made of [TAR_FILE, CONTAINER_MARK]) await removePath(deps.sysroot.path(made))
    },
  }
}

/** The copy has no limit of its own: it is stopped when it outgrows the slot. */
async function copyOut(
  deps: ContainerDeps,
  cli: string,
  id: string,
  limits: PullLimits,
): Promise<string> {
  const file = deps.sysroot.path(TAR_FILE)
  const argv = [cli, 'cp', `${id}:/os.tar`, deps.sysroot.path(WORK_FOLDER)] as const
  const tooLarge = new AbortController()
  const signal = AbortSignal.any([limits.signal, tooLarge.signal])
  const request = { argv, signal, timeoutMs: limits.timeoutMs }
  const state = { isRunning: true }
  const copy = tellEngine(deps.exec, 'read /os.tar from the image', request).finally(() => {
    state.isRunning = false
  })
  // Its failure is told where it is awaited below.
  copy.catch(() => undefined)
  while (state.isRunning) {
    await Promise.race([copy.catch(() => undefined), deps.clock.sleep(LOOK_INTERVAL_MS)])
    const sizeBytes = (await stat(file))?.sizeBytes ?? 0
    if (sizeBytes > limits.sizeBytesMax) tooLarge.abort()
  }
  if (tooLarge.signal.aborted)
    assertSize((await stat(file))?.sizeBytes ?? Infinity, limits.sizeBytesMax)
  await copy
  return file
}

async function removeContainer({ exec }: ContainerDeps, cli: string): Promise<void> {
  const list = await tellEngine(exec, 'look for a container that is left', {
    argv: [cli, 'ps', '-a', '-f=name=kubeos-temp'],
  })
  // The filter also finds containers that only have the word in their names.
  for (const line of list.split('\n')) {
    const words = line.trim().split(/\s+/)
    const [id = '', name] = [words[0], words.at(-1)]
    if (name !== CONTAINER) continue
    await tellEngine(exec, 'remove the container', { argv: [cli, 'rm', id] })
  }
}

function onDemand<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

function noContainer(output: string): OsError {
  return new OsError('host', {
    code: 'engine-failed',
    message: `Cannot read the image: the engine made a container and told no id but ${JSON.stringify(output.slice(0, 100))}`,
  })
}
