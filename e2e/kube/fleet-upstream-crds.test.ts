// A cluster that keeps the documented CRDs: status is pruned, new fields are unknown, and a whole
// upgrade and a halt work all the same, because what must last stands in annotations (decision 3).
import { afterAll, expect } from 'bun:test'
import path from 'node:path'
import { OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { OsSpec } from '@kubenest/api/os/os'
import {
  applyOs,
  bootCounts,
  expectCapKept,
  type Fleet,
  NODE_NAMES,
  readInstance,
  readOs,
  scenario,
  sharedFleet,
  until,
  untilAllRun,
  untilQuiet,
  upgradeTo,
  versionsOf,
} from './fleet.ts'

const root = path.resolve(import.meta.dir, '../..')
const DOCUMENTED = ['os.yaml', 'osinstances.yaml'].map(
  (file) => `e2e/kube/fixtures/upstream-crds/${file}`,
)
const OURS = ['os', 'osinstances'].map(
  (plural) => `deploy/crds/upgrade.openeuler.org_${plural}.yaml`,
)
/** What the documented CRD demands beside the fields of an upgrade. */
const DEMANDED: OsSpec = { containerimage: '', mtls: false, evictpodforce: true }

afterAll(async () => {
  const fleet = await sharedFleet()
  replaceCrds(fleet, OURS)
  // A process that saw its status pruned writes none any more: new ones do.
  for (const name of ['operator', ...NODE_NAMES.map((node) => `proxy-${node}`)])
    fleet.lab.kill(name)
})

scenario(
  'the documented CRDs: an upgrade, a fallback that halts, and the next image',
  async (fleet) => {
    const { other } = await versionsOf(fleet)
    replaceCrds(fleet, DOCUMENTED)
    await untilPruned(fleet)
    const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
    applyOs(fleet, 'documented', { ...upgradeTo(fleet, other), ...DEMANDED })
    await untilAllRun(fleet, `KubeOS ${other}`)
    await expectCapKept(fleet, mark, 2)
    for (const name of NODE_NAMES)
      expect([name, bootCounts(fleet)[name]]).toEqual([name, (boots[name] ?? 0) + 1])
    const os = await readOs(fleet, 'documented')
    expect(os.status ?? {}).toEqual({})
    expect(os.metadata.annotations?.[OS_ANNOTATIONS.rollout]).toContain('"finishedAt"')
    const { status } = await readInstance(fleet, 'light-1')
    expect(Object.keys(status ?? {}).filter((key) => !key.endsWith('configs'))).toEqual([])

    applyOs(fleet, 'documented', { ...upgradeTo(fleet, 'v3', { maxunavailable: 1 }), ...DEMANDED })
    await until(fleet, 'the halt in the annotation', 90_000, async () =>
      (await readOs(fleet, 'documented')).metadata.annotations?.[OS_ANNOTATIONS.rollout]?.includes(
        '"halted"',
      ) === true
        ? true
        : undefined,
    )
    await untilQuiet(fleet)
    const tried = fleet.lab
      .record()
      .nodes.filter(({ boots }) => boots.some(({ version }) => version === 'KubeOS v3'))
    expect(tried).toHaveLength(1)
    expect(tried[0]?.boots.slice(-2).map(({ version, trial }) => [version, trial])).toEqual([
      ['KubeOS v3', true],
      [`KubeOS ${other}`, false],
    ])
    const verdict = (await readInstance(fleet, tried[0]?.name ?? '')).metadata.annotations?.[
      OS_INSTANCE_ANNOTATIONS.verdict
    ]
    expect(verdict).toContain('"FellBack"')

    const next = other === 'v1' ? 'v2' : 'v1'
    applyOs(fleet, 'documented', { ...upgradeTo(fleet, next), ...DEMANDED })
    await untilAllRun(fleet, `KubeOS ${next}`)
  },
)

function replaceCrds({ lab }: Fleet, files: readonly string[]): void {
  lab.kubectl(['replace', ...files.flatMap((file) => ['-f', path.join(root, file)])])
}

/** The server validates by a new CRD a moment after the write. */
async function untilPruned({ lab }: Fleet): Promise<void> {
  const probe = JSON.stringify({
    apiVersion: 'upgrade.openeuler.org/v1alpha1',
    kind: 'OS',
    metadata: { name: 'probe', namespace: 'default' },
    spec: { opstype: 'upgrade', osversion: 'v', maxunavailable: 1 },
  })
  await until({ lab }, 'the documented CRD refuses what it must', 20_000, () => {
    try {
      lab.kubectl(['create', '--dry-run=server', '-f', '-'], probe)
      return undefined
    } catch {
      // Refused: its required fields are missing.
      return true
    }
  })
}
