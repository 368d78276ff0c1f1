// Options, time zone, trimming, remembered writes, event mapping: the parts around the planner.
import { describe, expect, test } from 'bun:test'
import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { isOsError } from '@kubenest/base/errors'
import { operatorApplet } from './applet.ts'
import { loadTimeZone } from './load-time-zone.ts'
import { osesOfInstanceChange, osesOfNodeChange, osesOfOsChange } from './map-events.ts'
import { parseOptions } from './options.ts'
import { trimNode, trimOs, trimOsInstance } from './trim.ts'
import { createWriteOverlay } from './write-overlay.ts'

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return isOsError(error) ? error.code : 'other'
  }
  return 'none'
}

describe('parseOptions()', () => {
  test('parseOptions() needs nothing, as the documented manifest gives nothing', () => {
    expect(parseOptions([])).toEqual({ help: false, version: false, workers: 1, lease: 'auto' })
    expect(parseOptions(['--workers=4', '--lease', 'off'])).toMatchObject({
      workers: 4,
      lease: 'off',
    })
  })

  test('parseOptions() refuses what it does not know', () => {
    for (const argv of [
      ['--x'],
      ['y'],
      ['--workers'],
      ['--workers', '0'],
      ['--workers=17'],
      ['--lease=on'],
    ])
      expect(codeOf(() => parseOptions(argv))).toBe('bad-option')
  })
})

describe('operatorApplet()', () => {
  async function call(argv: string[], env = {}) {
    const out: string[] = []
    const write = (text: string) => void out.push(text)
    const stop = AbortSignal.abort()
    const code = await operatorApplet({ argv, env, stop, stdout: write, stderr: write })
    return { code, text: out.join('') }
  }

  test('operatorApplet() explains itself, and ends with the right code on bad input', async () => {
    expect((await call(['--help'])).text).toContain('Usage: operator')
    expect((await call(['--version'])).code).toBe(0)
    expect((await call(['--nonsense'])).code).toBe(64)
    expect((await call([], { TZ: 'Nowhere/City' })).code).toBe(78)
    expect((await call([], { TZ: 'UTC', KUBECONFIG: '/does/not/exist' })).code).toBe(78)
  })
})

describe('loadTimeZone()', () => {
  const none = async () => undefined

  test('loadTimeZone() takes POSIX rules, UTC, and UTC without any file', async () => {
    expect((await loadTimeZone('CST-8', none)).offsetSecondsAt(0)).toBe(28_800)
    expect((await loadTimeZone('UTC', none)).offsetSecondsAt(0)).toBe(0)
    expect((await loadTimeZone(undefined, none)).offsetSecondsAt(0)).toBe(0)
  })

  test('loadTimeZone() reads the file that TZ or the system names, never outside by dots', async () => {
    const asked: string[] = []
    const read = async (file: string) => {
      asked.push(file)
      return undefined
    }
    await loadTimeZone(undefined, read)
    for (const tz of ['Asia/Shanghai', ':/x/y', '../../etc/shadow'])
      await loadTimeZone(tz, read).catch(() => undefined)
    expect(asked).toEqual(['/etc/localtime', '/usr/share/zoneinfo/Asia/Shanghai', '/x/y'])
  })
})

describe('trimming', () => {
  const intern = (text: string) => text

  test('trimNode() keeps no images, addresses, heartbeats or foreign labels', () => {
    const node = {
      metadata: {
        name: 'n',
        uid: 'u',
        labels: { a: 'b', 'upgrade.openeuler.org/serial': '' },
        managedFields: [],
      },
      status: {
        images: [{}],
        addresses: [{ type: 'x', address: 'y' }],
        nodeInfo: { osImage: 'v1', bootID: 'b', kubeletVersion: 'k' },
        conditions: [
          { type: 'Ready', status: 'True', lastHeartbeatTime: 't', lastTransitionTime: 'x' },
          { type: 'DiskPressure', status: 'False' },
        ],
      },
    } as unknown as Node
    expect(trimNode(node, intern)).toEqual({
      metadata: { name: 'n', uid: 'u', labels: { 'upgrade.openeuler.org/serial': '' } },
      status: {
        nodeInfo: { osImage: 'v1', bootID: 'b' },
      },
    })
  })

  test('trimNode() keeps the word of a node that is not ready', () => {
    const conditions = [{ type: 'Ready', status: 'Unknown' }]
    const node: Node = { metadata: { name: 'n' }, status: { conditions } }
    expect(trimNode(node, intern).status?.conditions).toEqual(conditions)
  })

  test('trimOsInstance() keeps versions of settings only', () => {
    const configs = { version: 'v', configs: [{ model: 'm' }] }
    const instance: OsInstance = {
      metadata: { name: 'n' },
      spec: { nodestatus: 'idle', sysconfigs: configs, upgradeconfigs: configs },
      status: { sysconfigs: configs },
    }
    expect(trimOsInstance(instance)).toEqual({
      metadata: { name: 'n' },
      spec: { nodestatus: 'idle', sysconfigs: { version: 'v' }, upgradeconfigs: { version: 'v' } },
      status: { sysconfigs: { version: 'v' } },
    })
  })

  test('trimOs() keeps the spec whole and only our annotations', () => {
    const os: Os = {
      metadata: { name: 'o', generation: 3, annotations: { a: 'b', 'kubenest.io/claims': '[]' } },
      spec: { osversion: 'v' },
      status: { nodes: 3 },
    }
    expect(trimOs(os)).toEqual({
      metadata: { name: 'o', generation: 3, annotations: { 'kubenest.io/claims': '[]' } },
      spec: { osversion: 'v' },
    })
  })
})

describe('createWriteOverlay()', () => {
  const at = (resourceVersion: string) => ({ metadata: { name: 'o', resourceVersion } })

  test('createWriteOverlay() shows our writes until the cache has moved on', () => {
    const overlay = createWriteOverlay()
    overlay.remember('k', '1', at('5'))
    overlay.remember('k', '5', at('7'))
    expect(overlay.resolve('k', at('1'))?.metadata.resourceVersion).toBe('7')
    expect(overlay.resolve('k', at('5'))?.metadata.resourceVersion).toBe('7')
    expect(overlay.resolve('k', at('9'))?.metadata.resourceVersion).toBe('9')
    expect(overlay.resolve('k', at('1'))?.metadata.resourceVersion).toBe('1')
    expect(overlay.resolve('k', undefined)).toBeUndefined()
  })
})

describe('event mapping', () => {
  const os = (name: string, nodeselector: string): Os => ({
    metadata: { name, namespace: 'd', resourceVersion: '1' },
    spec: { nodeselector },
  })
  const node = (resourceVersion: string, labels = {}, osImage = 'v1'): Node => ({
    metadata: { name: 'n', resourceVersion, labels },
    status: { nodeInfo: { osImage, bootID: 'b' } },
  })
  const oses = [os('plain', 'no-label'), os('x', 'x')]
  const cache = <T>(list: T[]) => ({ get: () => list[0], list: () => list, byIndex: () => [] })
  const caches = { oses: cache(oses), nodes: cache([node('1')]), instances: cache<OsInstance>([]) }

  test('osesOfNodeChange() wakes nobody for a heartbeat, and the owners of both sides for a label', () => {
    expect(osesOfNodeChange(caches, { old: node('1'), current: node('2') })).toEqual([])
    expect(osesOfNodeChange(caches, { old: node('1'), current: node('2', {}, 'v2') })).toEqual([
      'd/plain',
    ])
    const moved = node('2', { 'upgrade.openeuler.org/node-selector': 'x' })
    expect(osesOfNodeChange(caches, { old: node('1'), current: moved })).toEqual(['d/plain', 'd/x'])
  })

  test('osesOfInstanceChange() wakes the selector of the node and the owner', () => {
    const instance = (nodestatus: string, owner?: string): OsInstance => ({
      metadata: { name: 'n', namespace: 'default' },
      spec: {
        nodestatus,
        ...(owner === undefined ? {} : { namespacedname: { name: owner, namespace: 'd' } }),
      },
    })
    expect(
      osesOfInstanceChange(caches, { old: instance('idle'), current: instance('idle') }),
    ).toEqual([])
    expect(
      osesOfInstanceChange(caches, { old: instance('upgrade', 'x'), current: instance('idle') }),
    ).toEqual(['d/plain', 'd/x'])
  })

  test('osesOfOsChange() ignores the status we wrote, and wakes all when a selector changes', () => {
    const [plain = os('plain', '')] = oses
    const written = { ...plain, metadata: { ...plain.metadata, resourceVersion: '2' } }
    expect(osesOfOsChange(caches, { old: plain, current: written })).toEqual([])
    expect(
      osesOfOsChange(caches, {
        old: plain,
        current: { ...written, spec: { ...plain.spec, osversion: 'v' } },
      }),
    ).toEqual(['d/plain'])
    expect(
      osesOfOsChange(caches, { old: plain, current: { ...written, spec: { nodeselector: 'y' } } }),
    ).toEqual(['d/plain', 'd/x'])
    expect(osesOfOsChange(caches, { old: plain })).toEqual(['d/plain', 'd/x'])
  })
})
