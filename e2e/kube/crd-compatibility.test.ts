// The documented CRDs and ours accept each other's objects, on a real API server: people move
// between the systems in both directions without touching what they stored.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import path from 'node:path'
import { sharedLab, type TestLab } from './harness.ts'

const LIMIT_MS = 120_000
const SERVED_WITHIN_MS = 20_000
const NAMESPACE = 'crd-compatibility'
const root = path.resolve(import.meta.dir, '../..')
const CRDS = {
  ours: [
    'deploy/crds/upgrade.openeuler.org_os.yaml',
    'deploy/crds/upgrade.openeuler.org_osinstances.yaml',
  ],
  documented: ['os.yaml', 'osinstances.yaml'].map(
    (file) => `e2e/kube/fixtures/upstream-crds/${file}`,
  ),
} as const

const configs = {
  version: 'v1',
  configs: [
    {
      model: 'kernel.sysctl.persist',
      configpath: '/etc/persist.conf',
      contents: [
        { key: 'a', value: 1 },
        { key: 'b', value: true },
        { key: 'c', value: 'text' },
        { key: 'd', value: 1.5 },
        { key: 'e', value: { deep: ['list', 2] } },
        { key: 'f', operation: 'delete' },
      ],
    },
  ],
}

/** What the documented CRD demands, all of it. */
const FULL = {
  imagetype: 'disk',
  opstype: 'upgrade',
  osversion: 'KubeOS 1.0.1',
  maxunavailable: 2,
  containerimage: '',
  imageurl: 'https://images.example/os.tar',
  checksum: 'ab'.repeat(32),
  flagSafe: false,
  mtls: false,
  evictpodforce: true,
  cacert: 'ca.pem',
  nodeselector: 'edge',
  timewindow: { starttime: '22:00:00', endtime: '04:00:00' },
  timeinterval: 30,
  executionmode: 'serial',
  sysconfigs: configs,
  upgradeconfigs: configs,
}

/** Samples of the documentation (contract X1, X2): sound, but refused by the documented CRD. */
const CONFIG_SAMPLE = {
  imagetype: '',
  opstype: 'config',
  osversion: 'KubeOS 1.0.0',
  maxunavailable: 1,
  containerimage: '',
  evictpodforce: false,
  checksum: '',
  sysconfigs: configs,
}
const ROLLBACK_SAMPLE = { ...FULL, imagetype: '', opstype: 'rollback' }
const MINIMAL = { opstype: 'upgrade', osversion: 'KubeOS 1.0.1', maxunavailable: 2 }

let lab: TestLab

beforeAll(() => {
  lab = sharedLab()
  lab.kubectl(['create', 'namespace', NAMESPACE])
}, LIMIT_MS)

afterAll(async () => {
  await serve('ours')
  lab.kubectl(['delete', 'os', '--all', '-n', NAMESPACE])
  lab.kubectl(['delete', 'osinstances', '--all', '-n', NAMESPACE])
  lab.kubectl(['delete', 'namespace', NAMESPACE, '--wait=false'])
}, LIMIT_MS)

describe('our OS CRD', () => {
  beforeAll(() => serve('ours'), LIMIT_MS)

  test(
    'accepts what the documented CRD accepts and keeps every member',
    () => {
      apply('full', FULL)
      expect(specOf('full')).toEqual(FULL)
    },
    LIMIT_MS,
  )

  test(
    'accepts the samples that the documented CRD refuses, and fills in what peers need',
    () => {
      apply('config', CONFIG_SAMPLE)
      apply('rollback', ROLLBACK_SAMPLE)
      const filled = { imageurl: '', flagSafe: false, mtls: false, nodeselector: 'no-label' }
      expect(specOf('config')).toMatchObject({
        ...filled,
        timeinterval: 15,
        executionmode: 'parallel',
      })
    },
    LIMIT_MS,
  )

  test(
    'accepts nonsense in documented fields, as the documented one does',
    () => {
      const empty = { starttime: '', endtime: '' }
      apply('odd', { ...FULL, maxunavailable: -3, imageurl: 'x', checksum: '?', timewindow: empty })
      expect(specOf('odd')).toMatchObject({ maxunavailable: -3, timewindow: empty })
    },
    LIMIT_MS,
  )

  const required: [string, object, string][] = [
    ['opstype', { opstype: undefined }, 'spec.opstype: Required value'],
    ['an unknown opstype', { opstype: 'reboot' }, '"upgrade", "rollback", "config"'],
    ['half a time window', { timewindow: { starttime: '22:00:00' } }, 'spec.timewindow.endtime'],
  ]
  for (const [title, change, words] of required)
    test(
      `refuses ${title} as the documented one does`,
      () => {
        expect(refusal({ ...FULL, ...change })).toContain(words)
      },
      LIMIT_MS,
    )

  const rules: [object, string, string, string][] = [
    [{ maxUnavailable: '150%' }, 'spec.rollout.maxUnavailable', '"150%"', 'from "0%" to "100%"'],
    [{ maxUnavailable: -1 }, 'spec.rollout.maxUnavailable', '-1', 'a number of nodes from 0'],
    [{ maxUnavailable: 'half' }, 'spec.rollout.maxUnavailable', '"half"', 'a percentage'],
    [{ maxFailures: 0 }, 'spec.rollout.maxFailures', '0', 'greater than or equal to 1'],
    [{ paused: 'yes' }, 'spec.rollout.paused', '"string"', 'must be of type boolean'],
    [{ drain: { timeoutSeconds: 0 } }, 'spec.rollout.drain.timeoutSeconds', '0', 'or equal to 1'],
    [{ drain: { onTimeout: 'Wait' } }, 'spec.rollout.drain.onTimeout', '"Wait"', '"Stop", "Skip"'],
    [{ health: { policy: 'Lax' } }, 'spec.rollout.health.policy', '"Lax"', '"Strict", "Local"'],
    [{ health: { deadlineSeconds: 5 } }, 'spec.rollout.health.deadlineSeconds', '5', 'equal to 60'],
  ]
  for (const [rollout, field, value, remedy] of rules)
    test(
      `refuses ${JSON.stringify(rollout)} with field, value and remedy`,
      () => {
        const text = refusal({ ...FULL, rollout })
        for (const words of [field, value, remedy]) expect(text).toContain(words)
      },
      LIMIT_MS,
    )

  test(
    'accepts sound values of the new fields',
    () => {
      for (const maxUnavailable of [0, 7, '0%', '5%', '100%'])
        expect(specOf(apply('rollout', { ...MINIMAL, rollout: { maxUnavailable } }))).toMatchObject(
          {
            rollout: { maxUnavailable, maxFailures: 1 },
          },
        )
    },
    LIMIT_MS,
  )

  test(
    'shows the documented columns first, and ours only when asked',
    () => {
      const header = lab.kubectl(['get', 'os', '-n', NAMESPACE]).split('\n')[0]?.trim()
      expect(header).toMatch(/^NAME +OS VERSION +SYSCONFIG VERSION +UPGRADECONFIG VERSION$/)
      const wide = lab.kubectl(['get', 'os', '-n', NAMESPACE, '-o', 'wide']).split('\n')[0]
      expect(wide).toMatch(/UPGRADECONFIG VERSION +NODES +UPDATED +FAILED +PROGRESS/)
      expect(lab.kubectl(['get', 'osi', '-n', NAMESPACE, '--ignore-not-found'])).toBe('')
    },
    LIMIT_MS,
  )

  test(
    'keeps a status, which the documented one prunes',
    () => {
      patchStatus('os', 'full', { nodes: 3, updated: 1 })
      expect(objectOf('os', 'full').status).toEqual({ nodes: 3, updated: 1 })
    },
    LIMIT_MS,
  )
})

describe('moving to the documented CRDs and back', () => {
  beforeAll(async () => {
    await serve('ours')
    apply('moved-minimal', { ...MINIMAL, imagetype: 'disk', rollout: { maxFailures: 2 } })
    apply('moved-full', FULL)
    applyInstance('node-1')
    await serve('documented')
  }, LIMIT_MS)

  test(
    'the documented CRD refuses the samples of X1 and X2: the fixture is like upstream',
    () => {
      expect(refusal(CONFIG_SAMPLE)).toContain('spec.imageurl: Required value')
      expect(refusal(ROLLBACK_SAMPLE)).toContain('Unsupported value: ""')
    },
    LIMIT_MS,
  )

  test(
    'objects made under ours can be written under the documented CRDs',
    () => {
      for (const name of ['moved-minimal', 'moved-full']) {
        const { spec } = objectOf('os', name)
        expect(specOf(apply(`${name}-copy`, spec))).toMatchObject({ opstype: 'upgrade' })
      }
      lab.kubectl(['label', 'os', '-n', NAMESPACE, 'moved-minimal', 'touched=yes'])
      expect(specOf('moved-minimal')).not.toHaveProperty('rollout')
      patchStatus('osinstances', 'node-1', { sysconfigs: configs })
      expect(objectOf('osinstances', 'node-1').status).toEqual({ sysconfigs: configs })
    },
    LIMIT_MS,
  )

  test(
    'objects made under the documented CRDs can be written under ours',
    async () => {
      apply('documented', FULL)
      applyInstance('node-2')
      await serve('ours')
      expect(specOf('documented')).toEqual(FULL)
      expect(specOf(apply('documented-copy', specOf('documented')))).toEqual(FULL)
      lab.kubectl(['label', 'osinstances', '-n', NAMESPACE, 'node-2', 'touched=yes'])
      const agentVersion = '0.1.0'
      patchStatus('osinstances', 'node-2', { sysconfigs: configs, agentVersion })
      expect(objectOf('osinstances', 'node-2').status).toEqual({
        sysconfigs: configs,
        agentVersion,
      })
    },
    LIMIT_MS,
  )
})

/**
 * Installs CRDs and waits until the server validates by them: that comes a moment after the write.
 */
async function serve(which: keyof typeof CRDS): Promise<void> {
  lab.kubectl(['replace', ...CRDS[which].flatMap((file) => ['-f', path.join(root, file)])])
  const deadlineMs = performance.now() + SERVED_WITHIN_MS
  const isServed = () => (attempt(MINIMAL) === undefined) === (which === 'ours')
  while (!isServed()) {
    if (performance.now() > deadlineMs) throw new Error(`the ${which} CRDs are not served`)
    await Bun.sleep(200)
  }
}

function manifest(kind: string, name: string, spec: object): string {
  const metadata = { name, namespace: NAMESPACE }
  return JSON.stringify({ apiVersion: 'upgrade.openeuler.org/v1alpha1', kind, metadata, spec })
}

function apply(name: string, spec: object): string {
  lab.kubectl(['apply', '--validate=false', '-f', '-'], manifest('OS', name, spec))
  return name
}

function applyInstance(name: string): void {
  const namespacedname = { name: 'os-sample', namespace: NAMESPACE }
  const spec = {
    nodestatus: 'upgrade',
    namespacedname,
    sysconfigs: configs,
    upgradeconfigs: configs,
  }
  lab.kubectl(['apply', '-f', '-'], manifest('OSInstance', name, spec))
  expect(objectOf('osinstances', name).spec).toEqual(spec)
}

/** Why the server refuses an object; `undefined` when it would accept it. */
function attempt(spec: object): string | undefined {
  const dryRun = ['create', '--dry-run=server', '--validate=false', '-f', '-']
  try {
    lab.kubectl(dryRun, manifest('OS', 'attempt', spec))
    return undefined
  } catch (error) {
    return String(error)
  }
}

function refusal(spec: object): string {
  return attempt(spec) ?? 'accepted'
}

function objectOf(resource: string, name: string): { spec: object; status?: object } {
  return JSON.parse(lab.kubectl(['get', resource, name, '-n', NAMESPACE, '-o', 'json']))
}

function specOf(name: string): object {
  return objectOf('os', name).spec
}

function patchStatus(resource: string, name: string, status: object): void {
  const body = JSON.stringify({ status })
  const where = [resource, name, '-n', NAMESPACE, '--subresource=status', '--type=merge']
  lab.kubectl(['patch', ...where, '-p', body])
}
