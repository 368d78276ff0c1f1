// What docker and containerd do beyond the common contract: what is here is not pulled again, tags
// that move, TLS, files in the image that are not what they should be, other people's containers.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { systemClock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { faultOf } from '../agent/fault-of.ts'
import { makeTestCertificates, type TestCertificates } from '../agent/test-certificates.ts'
import { pushImage, type LayerEntry } from './container-image.ts'
import { createContainerBench, requestFor, type SourceBench } from './source-bench.ts'
import { takeImage } from './take-image.ts'
import { startContainerd, startDockerd, type TestEngine } from './test-engines.ts'
import { startRegistry, type TestRegistry } from './test-registry.ts'

const LIMIT_MS = 300_000
const ENGINES = {
  docker: (folder: string) => startDockerd(folder),
  containerd: (folder: string) =>
    startContainerd(folder, path.join(folder, 'system/etc/containerd/certs.d')),
}

describe.each(['docker', 'containerd'] as const)('the source %s', (imageType) => {
  let folder = ''
  let engine: TestEngine
  let bench: SourceBench
  let certificates: TestCertificates
  let secure: TestRegistry
  let misnamed: TestRegistry
  const it = (title: string, task: () => Promise<void>) => test(title, task, LIMIT_MS)

  beforeAll(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), `source-${imageType}-`))
    certificates = makeTestCertificates()
    engine = await ENGINES[imageType](folder)
    bench = await createContainerBench(folder, imageType, engine)
    // 0.0.0.0 is loopback to the kernel and a stranger to the engines, which must check it.
    secure = await startRegistry(folder, bench.storage, pair('registry'))
    misnamed = await startRegistry(folder, bench.storage, pair('wronghost'))
  }, LIMIT_MS)
  afterAll(async () => {
    await Promise.all([secure.stop(), misnamed.stop(), bench.stop()])
    await fs.rm(folder, { recursive: true, force: true })
    await fs.rm(certificates.folder, { recursive: true })
  }, LIMIT_MS)
  beforeEach(() => {
    Object.assign(bench.proxy, { cuts: 0, isStalling: false, status: undefined })
    bench.proxy.largeRequests.length = 0
  })

  function pair(name: string) {
    const file = (end: string) => path.join(certificates.folder, `${name}.${end}`)
    return { cert: file('pem'), key: file('key') }
  }

  function random(bytes = 300_000): Uint8Array {
    const made = new Uint8Array(bytes)
    for (let at = 0; at < bytes; at += 60_000)
      crypto.getRandomValues(made.subarray(at, at + 60_000))
    return made
  }

  async function publishLayer(entries: readonly LayerEntry[]): Promise<PrepareUpgradeParams> {
    const name = `odd-${crypto.randomUUID()}`
    const check_sum = await pushImage(bench.registryPort, name, 'v1', entries)
    return requestFor(imageType, {
      check_sum,
      container_image: `127.0.0.1:${bench.proxy.port}/${name}:v1`,
    })
  }

  async function faultFor(request: PrepareUpgradeParams): Promise<unknown> {
    const fault = await faultOf(takeImage(bench.source(), request))
    expect(await bench.leftovers()).toEqual([])
    return fault
  }

  /** A source whose commands are watched; `after` may change the world behind one of them. */
  function watched(after: (argv: readonly string[]) => Promise<void>, commands: string[] = []) {
    const exec: Exec = {
      async run(request) {
        commands.push(request.argv.join(' '))
        const result = await engine.exec.run(request)
        await after(request.argv)
        return result
      },
    }
    return createImageSource({
      sysroot: createSysRoot(bench.root),
      clock: systemClock,
      log: silentLogger,
      exec,
      rawFiles: systemRawFiles,
    })
  }

  it('does not pull again what is here with the right digest', async () => {
    const image = random()
    const request = await bench.publish(image)
    await takeImage(bench.source(), request)
    expect(bench.proxy.largeRequests).toHaveLength(1)
    bench.proxy.status = 500
    const again = await takeImage(bench.source(), {
      ...request,
      check_sum: `sha256:${request.check_sum.toUpperCase()}`,
    })
    expect(Buffer.compare(again.bytes, image)).toBe(0)
    expect(bench.proxy.largeRequests).toHaveLength(1)
  })

  if (imageType === 'containerd')
    it('pulls again what is here in part only', async () => {
      const image = random()
      const request = await bench.publish(image)
      await takeImage(bench.source(), request)
      const ctr = async (...words: string[]) => {
        const { exitCode, stdout, stderr } = await engine.exec.run({
          argv: ['ctr', '-n', 'k8s.io', ...words],
        })
        expect([exitCode, stderr]).toEqual([0, ''])
        return stdout
      }
      const layers = (await ctr('content', 'ls')).match(/^sha256:\S+(?=\s+3\d\d\S*kB)/gm) ?? []
      const snapshots = (await ctr('snapshots', 'ls')).match(/^sha256:\S+/gm) ?? []
      await ctr('snapshots', 'rm', ...snapshots)
      await ctr('content', 'rm', ...layers)
      expect(await ctr('images', 'check', `name==${request.container_image}`)).toMatch(/incomplete/)
      const commands: string[] = []
      const again = await takeImage(
        watched(async () => {}, commands),
        request,
      )
      expect(Buffer.compare(again.bytes, image)).toBe(0)
      expect(commands.filter((command) => command.includes('images pull'))).toHaveLength(1)
    })

  it('takes a name with a digest, and refuses another checksum before it pulls', async () => {
    const request = await bench.publish(random())
    const name = request.container_image.replace(/:v2$/, '')
    const pinned = { ...request, container_image: `${name}@sha256:${request.check_sum}` }
    expect((await takeImage(bench.source(), pinned)).bytes.length).toBe(300_000)
    const other = { ...pinned, check_sum: 'cd'.repeat(32) }
    const commands: string[] = []
    const source = watched(async () => {}, commands)
    expect(await faultOf(takeImage(source, other))).toMatchObject({ code: 'image-digest-mismatch' })
    expect(commands).toEqual([])
  })

  it('takes the new image after a tag has moved in the registry', async () => {
    const request = await bench.publish(random())
    await takeImage(bench.source(), request)
    const name = /\/(.*):v2$/.exec(request.container_image)?.[1] ?? ''
    const image = random(200_000)
    const file = [{ name: 'os.tar', content: image }]
    const check_sum = await pushImage(bench.registryPort, name, 'v2', file)
    const taken = await takeImage(bench.source(), { ...request, check_sum })
    expect(Buffer.compare(taken.bytes, image)).toBe(0)
    // The old content under that tag is gone, and is refused.
    expect(await faultFor(request)).toMatchObject({ code: 'image-digest-mismatch' })
  })

  it('sees a tag that moves between the look at its digest and the reading', async () => {
    const good = await bench.publish(random())
    const evil = await bench.publish(random(100_000))
    await takeImage(bench.source(), good)
    await takeImage(bench.source(), evil)
    const [from, to] = [evil.container_image, good.container_image]
    const move =
      imageType === 'docker'
        ? (['docker', 'tag', from, to] as const)
        : (['ctr', '-n', 'k8s.io', 'images', 'tag', '--force', from, to] as const)
    let looks = 0
    const source = watched(async (argv) => {
      const isLook =
        argv.includes('{{.RepoDigests}}') || (argv.includes('ls') && argv.includes('images'))
      if (isLook && (looks += 1) === 1)
        expect((await engine.exec.run({ argv: move })).exitCode).toBe(0)
    })
    expect(await faultOf(takeImage(source, good))).toMatchObject({ code: 'image-digest-mismatch' })
    expect(looks).toBe(2)
    expect(await bench.leftovers()).toEqual([])
  })

  const odd: [string, LayerEntry[]][] = [
    ['no os.tar', [{ name: 'other', content: 'x' }]],
    ['a link', [{ name: 'os.tar', type: 'symlink', linkname: '/etc/shadow' }]],
    ['a folder', [{ name: 'os.tar', type: 'directory' }]],
    ['a pipe', [{ name: 'os.tar', type: 'fifo' }]],
    ['a device', [{ name: 'os.tar', type: 'character-device', devmajor: 1, devminor: 5 }]],
  ]
  for (const [what, entries] of odd)
    it(`refuses an image with ${what} where the root should be`, async () => {
      expect(await faultFor(await publishLayer(entries))).toMatchObject({
        code: expect.stringMatching(/^(image-without-tar|engine-failed)$/) as string,
        message: expect.stringContaining('os.tar') as string,
      })
    })

  it('trusts the CA that the node names for the registry, and no other', async () => {
    const image = random()
    const request = await bench.publish(image)
    const over = ({ port }: TestRegistry) => ({
      ...request,
      container_image: request.container_image.replace(/^[^/]*/, `0.0.0.0:${port}`),
    })
    const host = `0.0.0.0:${secure.port}`
    expect(await faultFor(over(secure))).toMatchObject({ code: 'tls-unknown-ca', kind: 'invalid' })
    await engine.trust(host, path.join(certificates.folder, 'other.pem'))
    expect(await faultFor(over(secure))).toMatchObject({ code: 'tls-unknown-ca' })
    await engine.trust(host, path.join(certificates.folder, 'ca.pem'))
    const taken = await takeImage(bench.source(), over(secure))
    expect(Buffer.compare(taken.bytes, image)).toBe(0)
    await engine.trust(`0.0.0.0:${misnamed.port}`, path.join(certificates.folder, 'ca.pem'))
    expect(await faultFor(over(misnamed))).toMatchObject({ code: 'tls-wrong-host' })
  })

  it('tells a registry without TLS, and one that denies', async () => {
    const request = await bench.publish(random())
    const plain = `0.0.0.0:${bench.registryPort}`
    const container_image = request.container_image.replace(/^[^/]*/, plain)
    expect(await faultFor({ ...request, container_image })).toMatchObject({
      code: 'registry-not-https',
    })
    bench.proxy.status = 401
    expect(await faultFor(request)).toMatchObject({ kind: 'invalid', code: 'registry-denied' })
  })

  it('leaves alone what only has a similar name', async () => {
    const request = await bench.publish(random())
    await takeImage(bench.source(), request)
    const commands: string[] = []
    if (imageType === 'docker') {
      const argv = [
        'docker',
        'create',
        '--name',
        'somebody-kubeos-temp-2',
        request.container_image,
      ] as const
      expect((await engine.exec.run({ argv })).exitCode).toBe(0)
    }
    await takeImage(
      watched(async () => {}, commands),
      request,
    )
    const removed = commands.filter((line) => / (rm|remove) /.test(line))
    expect(removed).toHaveLength(imageType === 'docker' ? 1 : 2)
    if (imageType !== 'docker') return
    const list = await engine.exec.run({ argv: ['docker', 'ps', '-a', '--format={{.Names}}'] })
    expect(list.stdout).toContain('somebody-kubeos-temp-2')
  })

  it('runs nothing for a name or a checksum that it refuses', async () => {
    const commands: string[] = []
    const source = watched(async () => {}, commands)
    const good = await bench.publish(random(1000))
    for (const members of [
      { container_image: '--privileged' },
      { container_image: 'os;reboot' },
      { container_image: '' },
      { check_sum: '' },
      { check_sum: 'ab' },
    ])
      expect(await faultOf(takeImage(source, { ...good, ...members }))).toMatchObject({
        kind: 'invalid',
      })
    expect(commands).toEqual([])
  })
})
