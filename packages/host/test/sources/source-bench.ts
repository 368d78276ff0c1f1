// One bench for each image source: where images are published, how the transport is broken, and
// what may be left behind. The contract suite runs the same tests on all of them.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { systemClock, type Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import type { ImageSource } from '../../src/agent/sources/image-source.ts'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { pushImage, sha256 } from './container-image.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import type { TestEngine } from './test-engines.ts'
import { startRegistry } from './test-registry.ts'

export interface SourceBench {
  readonly imageType: 'disk' | 'docker' | 'containerd'
  /** The system that the source works on. */
  readonly root: string
  readonly proxy: FaultProxy
  readonly registryPort: number
  readonly storage: string
  readonly exec: Exec
  /** Publishes an image and returns the request for it. */
  publish(bytes: Uint8Array): Promise<PrepareUpgradeParams>
  /** A source as after a start of the agent; waits may be so many times shorter. */
  source(hurry?: number): ImageSource
  /** Files, mounts, containers, snapshots and leases that a run has left. */
  leftovers(): Promise<string[]>
  stop(): Promise<void>
}

/** A request with the documented members. */
export function requestFor(
  imageType: string,
  members: Partial<PrepareUpgradeParams>,
): PrepareUpgradeParams {
  return {
    version: 'v2',
    check_sum: '',
    image_type: imageType,
    container_image: '',
    image_url: '',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
    ...members,
  }
}

/** Bench of the web server: the file is in the registry's storage, the proxy serves it. */
export async function createDiskBench(folder: string): Promise<SourceBench> {
  const files = new Map<string, Uint8Array>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => serve(files, request),
  })
  const port = server.port ?? 0
  const proxy = await startFaultProxy(port)
  const root = await makeRoot(folder)
  return {
    imageType: 'disk',
    root,
    proxy,
    registryPort: port,
    storage: folder,
    exec: systemExec,
    async publish(bytes) {
      const name = crypto.randomUUID()
      files.set(`/${name}`, bytes)
      const image_url = `http://127.0.0.1:${proxy.port}/${name}`
      return requestFor('disk', { check_sum: sha256(bytes), image_url })
    },
    source: (hurry = 1) => makeSource(root, systemExec, hurry),
    leftovers: () => workOf(root),
    async stop() {
      proxy.close()
      await server.stop(true)
    },
  }
}

function serve(files: Map<string, Uint8Array>, request: Request): Response {
  const bytes = files.get(new URL(request.url).pathname)
  if (bytes === undefined) return new Response(null, { status: 404 })
  const tag = { ETag: `"${sha256(bytes)}"` }
  const from = /^bytes=(\d+)-$/.exec(request.headers.get('range') ?? '')?.[1]
  if (from === undefined) return new Response(new Uint8Array(bytes), { headers: tag })
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
  const rest = new Uint8Array(bytes.subarray(Number(from)))
  return new Response(rest, { status: 206, headers: { ...tag, 'Content-Range': range } })
}

/** Bench of an engine: a registry behind the proxy, and what the engine holds. */
export async function createContainerBench(
  folder: string,
  imageType: 'docker' | 'containerd',
  engine: TestEngine,
): Promise<SourceBench> {
  const storage = path.join(folder, 'registry')
  const registry = await startRegistry(folder, storage)
  const proxy = await startFaultProxy(registry.port)
  const root = await makeRoot(folder)
  return {
    imageType,
    root,
    proxy,
    registryPort: registry.port,
    storage,
    exec: engine.exec,
    async publish(bytes) {
      const name = `team/os-${crypto.randomUUID()}`
      const file = [{ name: 'os.tar', content: bytes }]
      const check_sum = await pushImage(registry.port, name, 'v2', file)
      const container_image = `127.0.0.1:${proxy.port}/${name}:v2`
      return requestFor(imageType, { check_sum, container_image })
    },
    source: (hurry = 1) => makeSource(root, engine.exec, hurry),
    leftovers: async () => [
      ...(await workOf(root)),
      ...(await (imageType === 'docker' ? containersOf(engine) : snapshotsOf(engine, root))),
    ],
    async stop() {
      proxy.close()
      await registry.stop()
      await engine.stop()
    },
  }
}

async function makeRoot(folder: string): Promise<string> {
  const root = path.join(folder, 'system')
  await fs.mkdir(path.join(root, 'persist'), { recursive: true })
  return root
}

function makeSource(root: string, exec: Exec, hurry: number): ImageSource {
  const clock: Clock = {
    ...systemClock,
    schedule: (delayMs, task) => systemClock.schedule(delayMs / hurry, task),
    sleep: (delayMs, signal) => systemClock.sleep(delayMs / hurry, signal),
  }
  const quick: Exec = {
    run: (request) => {
      const { timeoutMs = 0 } = request
      // Limits of transfers only: a quick question may be slow on a machine under load.
      return exec.run(timeoutMs < 600_000 ? request : { ...request, timeoutMs: timeoutMs / hurry })
    },
  }
  return createImageSource({
    sysroot: createSysRoot(root),
    clock,
    log: silentLogger,
    exec: hurry === 1 ? exec : quick,
    rawFiles: systemRawFiles,
  })
}

async function workOf(root: string): Promise<string[]> {
  const mounts = (await fs.readFile('/proc/mounts', 'utf8')).split('\n')
  return [
    ...(await fs.readdir(path.join(root, 'persist'))),
    ...mounts.filter((line) => line.includes(root)),
  ]
}

async function containersOf({ exec }: TestEngine): Promise<string[]> {
  const list = await exec.run({ argv: ['docker', 'ps', '-a', '--format={{.Names}}'] })
  return list.stdout.split('\n').filter((name) => name !== '' && !name.startsWith('somebody'))
}

async function snapshotsOf({ exec }: TestEngine, root: string): Promise<string[]> {
  const lists = await Promise.all(
    ['snapshots', 'leases'].map((what) => exec.run({ argv: ['ctr', '-n', 'k8s.io', what, 'ls'] })),
  )
  return lists.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.includes(root))
}
