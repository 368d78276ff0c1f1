// R-11 and A8 on a whole node: OVMF, GRUB, systemd, the kernel's watchdog. Each trial ends badly in
// its own way, and each time the node is back in its old slot without anybody's help, with the
// right verdict. A good trial, a panic and an unhealthy one are in ../one-node.test.ts. The steps
// build on each other: what a person does next is part of them.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { NODE, type SeenBoot, startVmLab, until, type VmLab } from '../vm-lab.ts'
import { type NodeWatch, watchNode } from '../watch-node.ts'
import { type BrokenImage, offerBrokenImage } from './broken-image.ts'
import { wipeSlot } from './wipe-slot.ts'

const MINUTE_MS = 60_000
// Five times what an idle machine of 2 cores takes.
const LIMIT_MS = 25 * MINUTE_MS
const UP_LIMIT_MS = 45 * MINUTE_MS
/** RuntimeWatchdogSec of deploy/systemd/kubenest-watchdog.conf. */
const WATCHDOG_S = 120
const DEADLINE_S = 60
/** A look each half minute, the reasons within one, a reboot: on an emulated processor. */
const RETURN_SLACK_S = 240
const UNITS = '/usr/lib/systemd/system'

/** The first process is never scheduled again, right after the start of the trial was noted. */
const HANGS: BrokenImage = {
  version: 'v5',
  files: {
    [`${UNITS}/lab-hang.service`]: `[Unit]
DefaultDependencies=no
After=kubenest-trial.service kubenest-softdog.service lab-console.service
Before=sysinit.target

[Service]
Type=oneshot
ExecStart=/usr/bin/echo 1
StandardOutput=file:/sys/fs/cgroup/init.scope/cgroup.freeze
`,
  },
  links: { [`${UNITS}/sysinit.target.wants/lab-hang.service`]: '../lab-hang.service' },
  spec: {},
}

/** A gate that never says anything: only the deadline's own unit is left. */
const NEVER_DECIDES: BrokenImage = {
  version: 'v6',
  files: {
    [`${UNITS}/kubenest-gate.service.d/lab-hang.conf`]: `[Service]
ExecStart=
ExecStart=/usr/bin/sleep infinity
`,
  },
  links: {},
  spec: { rollout: { health: { deadlineSeconds: DEADLINE_S } } },
}

let lab: VmLab
let node: NodeWatch

beforeAll(async () => {
  lab = startVmLab()
  node = watchNode(lab)
  await lab.step('first boot until Ready with its proxy', async () => {
    await node.untilRuns('KubeOS v1')
    await node.untilPodRuns('upgrade-system', 'control-plane=upgrade-proxy')
    await until('its OSInstance', MINUTE_MS, node.instance)
  })
}, UP_LIMIT_MS)

afterAll(() => lab?.stop(), MINUTE_MS)

test(
  'a slot whose kernel is gone when it shall start is left by the boot menu: TrialNotReached',
  async () => {
    await lab.step('v2 without its kernel until v1 is back', async () => {
      lab.apply('os-v2.yaml')
      await until('an armed slot', 10 * MINUTE_MS, () =>
        node.instance()?.status?.operation?.phase === 'Armed' ? true : undefined,
      )
      await lab.whileOff('at-reboot', (disk) => wipeSlot(disk, 'B'))
      await untilReturned('KubeOS v2', 'TrialNotReached', 'did not reach user space')
    })
    expect(node.triesOf('KubeOS v2')).toEqual([])
    expect(lab.boots()).toHaveLength(2)
    expect(serialOfEverything()).toContain("Falling back to `A'")
  },
  LIMIT_MS,
)

test(
  'an image that fell back is refused by the node itself, when the cluster has forgotten it: A8',
  async () => {
    const boots = lab.boots().length
    await lab.step('the same v2 for a cluster without records until it is refused', async () => {
      lab.kubectl(['delete', 'os', 'vm'])
      lab.kubectl(['annotate', 'osinstance', NODE, 'kubenest.io/verdict-'])
      lab.apply('os-v2.yaml')
      await node.untilHalted('KubeOS v2')
    })
    const { outcome, reason, message } = node.verdict()
    expect([outcome, reason]).toEqual(['Failed', 'ImageFailedBefore'])
    expect(message).toContain('os-agent allow')
    expect(lab.boots()).toHaveLength(boots)
  },
  LIMIT_MS,
)

test(
  'a reset in a trial that a person has allowed ends in the old slot: TrialInterrupted',
  async () => {
    await lab.step('v2 once more, reset in its trial, until v1 is back', async () => {
      expect(lab.kubectlOs(['allow', 'vm'])).toContain('one more trial of KubeOS v2')
      await until('a trial that has begun', 15 * MINUTE_MS, () =>
        node.triesOf('KubeOS v2').length === 1 && hasNotedTrial() ? true : undefined,
      )
      await lab.pressReset()
      await untilReturned('KubeOS v2', 'TrialInterrupted', 'was cut off before its health')
    })
    expect(node.triesOf('KubeOS v2')).toEqual([trialOf('KubeOS v2')])
  },
  LIMIT_MS,
)

test(
  'a system that hangs is reset by its watchdog: TrialInterrupted',
  async () => {
    await lab.step('v5 hangs until v1 is back', async () => {
      lab.apply(offerBrokenImage(lab, HANGS))
      await untilReturned('KubeOS v5', 'TrialInterrupted', 'was cut off before its health')
    })
    expect(node.triesOf('KubeOS v5')).toEqual([trialOf('KubeOS v5')])
    expect(lab.serial().earlier).toContain('softdog: Initiating system reboot')
    expect(returnSeconds('KubeOS v5')).toBeGreaterThan(WATCHDOG_S / 2)
    expect(returnSeconds('KubeOS v5')).toBeLessThan(WATCHDOG_S + RETURN_SLACK_S)
  },
  LIMIT_MS,
)

test(
  'a trial that nobody decides is ended by the deadline: TrialUnhealthy',
  async () => {
    await lab.step('v6 decides nothing until v1 is back', async () => {
      lab.apply(offerBrokenImage(lab, NEVER_DECIDES))
      const late = `was not decided within ${DEADLINE_S} s`
      await untilReturned('KubeOS v6', 'TrialUnhealthy', late)
    })
    expect(node.triesOf('KubeOS v6')).toEqual([trialOf('KubeOS v6')])
    expect(returnSeconds('KubeOS v6')).toBeGreaterThan(DEADLINE_S)
    expect(returnSeconds('KubeOS v6')).toBeLessThan(DEADLINE_S + RETURN_SLACK_S)
  },
  LIMIT_MS,
)

test(
  'two slots without a kernel make the boot menu restart the machine, again and again: A8',
  async () => {
    const boots = lab.boots().length
    const before = restarts()
    await lab.step('neither slot starts until the second restart', async () => {
      await lab.whileOff('cut', (disk) => {
        wipeSlot(disk, 'A')
        wipeSlot(disk, 'B')
      })
      await until('two restarts', 15 * MINUTE_MS, () =>
        restarts() >= before + 2 ? true : undefined,
      )
    })
    expect(lab.boots()).toHaveLength(boots)
  },
  LIMIT_MS,
)

/** Back in v1 by itself, with the verdict in OSInstance and in the halt of the rollout. */
async function untilReturned(version: string, reason: string, words: string): Promise<void> {
  await node.untilHalted(version)
  expect(node.verdict()).toMatchObject({ operation: 'upgrade', outcome: 'FellBack', reason })
  expect(node.verdict().message).toContain(words)
  await node.untilIdleAt('KubeOS v1')
  expect(node.lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
  const conditions = node.instance()?.status?.conditions ?? []
  const fellBack = conditions.find(({ type }) => type === 'FellBack')
  expect(fellBack).toMatchObject({ status: 'True', reason })
}

function trialOf(version: string): SeenBoot {
  return { slot: 'B', version, trial: true, outcome: 'boots' }
}

/** From the start of the only trial of a version to the next boot. */
function returnSeconds(version: string): number {
  const boots = lab.boots()
  const at = boots.findIndex((boot) => boot.version === version)
  const [from = '', to = ''] = [boots[at]?.at, boots[at + 1]?.at]
  return (Date.parse(to) - Date.parse(from)) / 1000
}

function hasNotedTrial(): boolean {
  return /Finished [^\n]{0,20}kubenest-trial\.service/.test(lab.serial().now)
}

function serialOfEverything(): string {
  const { earlier, now } = lab.serial()
  return earlier + now
}

/** Restarts by the boot menu that have ended. */
function restarts(): number {
  return lab.serial().earlier.match(/Restarting in \d+ s/g)?.length ?? 0
}
