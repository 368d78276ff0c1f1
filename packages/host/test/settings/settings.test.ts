// One configure is one transaction over all models; plan, drift, undo and restarts, on real files.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import { createSettings } from '../../src/agent/settings/settings.ts'
import { faultOf } from '../agent/fault-of.ts'
import {
  CONTAINERD,
  CONTAINERD_TEXT,
  createScene,
  entry,
  KUBELET,
  KUBELET_TEXT,
  LIMITS,
  LIMITS_TEXT,
  MENU,
  PARTUUIDS,
  RECORD,
  type Scene,
} from './scene.ts'

setDefaultTimeout(60_000)

let scene: Scene
beforeEach(async () => {
  scene = await createScene()
})
afterEach(() => scene.remove())

const ALL = [
  entry('kernel.sysctl', { 'vm.swappiness': 10 }),
  entry('kernel.sysctl.persist', { 'vm.swappiness': 10 }),
  entry('grub.cmdline.current', { audit: 1 }),
  entry('grub.cmdline.next', { audit: 2 }),
  entry('kubernetes.kubelet', { port: 10250 }),
  entry('container.containerd', { oom_score: -999 }),
  entry('pam.limits', { ftp: 'hard._.10' }),
]
const FILES = ['etc/sysctl.conf', MENU, KUBELET, CONTAINERD, LIMITS, 'proc/sys/vm/swappiness']
const contents = () => Promise.all(FILES.map((file) => scene.read(file)))
/** Names in all folders that settings write to. */
async function names(): Promise<string[]> {
  const folders = [
    'etc',
    'boot/efi/EFI/openEuler',
    'var/lib/kubelet',
    'etc/containerd',
    'etc/security',
    'persist/kubenest',
  ]
  return (await Promise.all(folders.map((folder) => fs.readdir(scene.at(folder))))).flat()
}

describe('configure()', () => {
  test('applies all seven models, and leaves no other file behind', async () => {
    const before = await names()
    await scene.settings.configure({ configs: ALL })
    expect(await scene.read('proc/sys/vm/swappiness')).toBe('10\n')
    expect(await scene.read('etc/sysctl.conf')).toBe('# mine\nvm.swappiness=10\n')
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT.replace('10255', '10250'))
    expect(await scene.read(CONTAINERD)).toBe(`${CONTAINERD_TEXT}oom_score = -999\n`)
    expect(await scene.read(LIMITS)).toBe('# head\nftp hard core 10\n')
    const lines = (await scene.read(MENU)).split('\n').filter((line) => line.includes('vmlinuz'))
    expect(lines[0]).toEndWith('panic=3 audit=1 ${kubenest_arguments_a}')
    expect(lines[1]).toEndWith('panic=3 audit=2 ${kubenest_arguments_b}')
    expect(await names()).toEqual([...before, 'settings'])
    expect(scene.restarts).toEqual([])
  })

  test('keeps modes', async () => {
    await fs.chmod(scene.at(CONTAINERD), 0o600)
    await scene.settings.configure({ configs: ALL })
    expect((await fs.stat(scene.at(CONTAINERD))).mode & 0o777).toBe(0o600)
    expect((await fs.stat(scene.at(RECORD))).mode & 0o777).toBe(0o600)
  })

  test.each(ALL.map((each, index) => [each.model, index] as const))(
    'undoes everything when %s fails in the end',
    async (_, index) => {
      const before = await contents()
      // The kernel refuses the last write of all.
      const refusing = createSettings({
        ...scene.deps,
        writeKernelValue: (file, text) => {
          if (text === '5\n') throw new Error('refused')
          scene.deps.writeKernelValue(file, text)
        },
      })
      const request = [
        ...ALL.slice(index),
        ...ALL.slice(0, index),
        entry('kernel.sysctl', { 'kernel.panic': 5 }),
      ]
      expect(await faultOf(refusing.configure({ configs: request }))).toBeInstanceOf(Error)
      expect(await contents()).toEqual(before)
      expect(await scene.settings.status()).toBeUndefined()
    },
  )

  test.each([
    entry('kubernetes.kubelet', { staticPodURL: 'https://h' }),
    entry('container.containerd', { plugin_dir: '/tmp' }),
    entry('grub.cmdline.next', { init: '/bin/sh' }),
    entry('grub.cmdline.next', { root: `PARTUUID=${PARTUUIDS.a}` }),
    entry('kernel.sysctl', { 'kernel.core_pattern': '|/x' }),
    entry('pam.limits', { 'a\nb': 'hard.core.1' }),
    entry('kuberntes.kubelet', {}),
  ])('writes nothing at all when one entry is refused: %j', async (wrong) => {
    const before = await contents()
    expect(await faultOf(scene.settings.configure({ configs: [...ALL, wrong] }))).toMatchObject({
      kind: 'invalid',
    })
    expect(await contents()).toEqual(before)
    expect(await names()).not.toContain('settings')
  })

  test.each([
    [KUBELET, 'a: 1\na: 2\n'],
    [KUBELET, '- list\n'],
    [CONTAINERD, 'a = \n'],
    [LIMITS, 'three words only\n'],
    ['etc/sysctl.conf', 'nonsense\n'],
    [MENU, 'menuentry A {\n}\n'],
  ])('writes nothing when %s holds %j', async (file, text) => {
    await scene.write(file, text)
    const before = await contents()
    const fault = await faultOf(scene.settings.configure({ configs: ALL }))
    expect(fault).toMatchObject({ message: expect.stringContaining(`/${file}`) as string })
    expect(await contents()).toEqual(before)
  })

  test('a repeat of the same operation appends nothing twice; another one does', async () => {
    const configs = [entry('kubernetes.kubelet', { clusterDNS: ['10.0.0.11'] })]
    const count = async () => (await scene.read(KUBELET)).split('10.0.0.11').length - 1
    await scene.settings.configure({ configs, operation_id: 'one' })
    await scene.settings.configure({ configs, operation_id: 'one' })
    expect(await count()).toBe(1)
    await scene.settings.configure({ configs, operation_id: 'two' })
    expect(await count()).toBe(2)
    await scene.settings.configure({ configs })
    expect(await count()).toBe(3)
  })

  test('root of an entry is stored as the PARTUUID of its slot', async () => {
    await scene.settings.configure({
      configs: [entry('grub.cmdline.current', { root: 'LABEL=ROOT-A' })],
    })
    expect(await scene.read(MENU)).toContain(`/boot/vmlinuz root=PARTUUID=${PARTUUIDS.a} ro`)
  })

  test('edits the custom.cfg that boots, and the menu of others as its mirror', async () => {
    const line = (slot: string) => `linux   /boot/vmlinuz root=/dev/vda${slot} ro panic=3\n`
    await scene.write(MENU, `# theirs\n${line('2')}${line('3')}`)
    const custom = MENU.replace('grub.cfg', 'custom.cfg')
    await scene.write(
      custom,
      `# Written by KubeNest; replaced by its updates.\n${line('2')}${line('3')}`,
    )
    await scene.settings.configure({ configs: [entry('grub.cmdline.next', { audit: 1 })] })
    for (const file of [MENU, custom])
      expect(
        (await scene.read(file)).split('\n').filter((each) => each.includes('audit=1')),
      ).toEqual(['        linux /boot/vmlinuz root=/dev/vda3 ro panic=3 audit=1'])
  })

  test('leaves a custom.cfg of somebody else alone', async () => {
    const custom = MENU.replace('grub.cfg', 'custom.cfg')
    const line = 'linux /x root=/dev/a\nlinux /y root=/dev/b\n'
    await scene.write(MENU, line)
    await scene.write(custom, line)
    await scene.settings.configure({ configs: [entry('grub.cmdline.next', { audit: 1 })] })
    expect(await scene.read(custom)).toBe(line)
    expect(await scene.read(MENU)).toContain('audit=1')
  })
})

describe('plan()', () => {
  test('tells lines, warnings and restarts, and writes nothing', async () => {
    const before = await contents()
    const fresh = entry('kernel.sysctl.persist', { 'a.b': 1 }, '/etc/new.conf')
    const skipped = entry('pam.limits', { ftp: 'two.parts' })
    const plan = await scene.settings.plan({
      configs: [...ALL.slice(0, 2), ALL[4] ?? fresh, fresh, skipped],
    })
    expect(plan).toEqual({
      changes: [
        {
          path: '/proc/sys/vm/swappiness',
          kind: 'kernel-value',
          isNew: false,
          linesLeftOut: 0,
          lines: [
            { sign: '-', text: '60' },
            { sign: '+', text: '10' },
          ],
        },
        {
          path: '/etc/sysctl.conf',
          kind: 'file',
          isNew: false,
          linesLeftOut: 0,
          lines: [
            { sign: '-', text: 'vm.swappiness=60' },
            { sign: '+', text: 'vm.swappiness=10' },
          ],
        },
        {
          path: `/${KUBELET}`,
          kind: 'file',
          isNew: false,
          linesLeftOut: 0,
          lines: [
            { sign: '-', text: 'port: 10255' },
            { sign: '+', text: 'port: 10250' },
          ],
        },
        {
          path: '/etc/new.conf',
          kind: 'file',
          isNew: true,
          linesLeftOut: 0,
          lines: [{ sign: '+', text: 'a.b=1' }],
        },
      ],
      warnings: [{ model: 'pam.limits', key: 'ftp', reason: 'the value is not type.item.value' }],
      waitsFor: ['node', 'kubelet.service'],
    })
    expect(await contents()).toEqual(before)
    expect(await names()).not.toContain('settings')
  })

  test('refuses what configure refuses', async () => {
    const wrong = entry('grub.cmdline.next', { init: '/x' })
    expect(await faultOf(scene.settings.plan({ configs: [wrong] }))).toMatchObject({
      code: 'kernel-word-denied',
    })
  })
})

describe('drift()', () => {
  test('finds nothing after a configure, and each key that was changed, removed, or put back', async () => {
    const deleted = entry('container.containerd', {})
    deleted.contents['root'] = { value: '', operation: 'delete' }
    await scene.settings.configure({ configs: [...ALL, deleted] })
    expect(await scene.settings.drift()).toEqual({ watched: 8, drift: [] })
    await scene.write('proc/sys/vm/swappiness', '30\n')
    await scene.write(KUBELET, 'clusterDNS: []\n')
    await scene.write(CONTAINERD, 'root = "/secret"\noom_score = -999\n')
    await scene.write(LIMITS, 'nonsense\n')
    await scene.write(MENU, (await scene.read(MENU)).replace('audit=2', 'audit=3'))
    const { drift } = await scene.settings.drift()
    expect(drift.map(({ path, key, kind }) => [path, key, kind])).toEqual([
      ['/proc/sys/vm/swappiness', 'vm.swappiness', 'changed'],
      [`/${MENU}`, 'audit', 'changed'],
      [`/${KUBELET}`, 'port', 'removed'],
      [`/${LIMITS}`, 'ftp', 'unreadable'],
      [`/${CONTAINERD}`, 'root', 'added'],
    ])
    expect(JSON.stringify(drift)).not.toContain('secret')
    expect(drift[1]?.message).toContain('slot B')
    expect(await scene.settings.status()).toMatchObject({ driftCount: 5 })
  })

  test('a later request takes over the keys it names, and those inside them', async () => {
    const set = (key: string, value: unknown) =>
      scene.settings.configure({ configs: [entry('kubernetes.kubelet', { [key]: value })] })
    await set('a.b', 1)
    await set('a.c', 2)
    await set('a', null)
    await set('port', 1)
    await set('port', 2)
    expect(await scene.settings.drift()).toEqual({ watched: 2, drift: [] })
  })

  test('a running kernel forgets at a boot, which is no drift', async () => {
    await scene.settings.configure({ configs: ALL.slice(0, 2) })
    await scene.reboot()
    await scene.write('proc/sys/vm/swappiness', '60\n')
    expect(await scene.settings.drift()).toEqual({ watched: 1, drift: [] })
  })
})

describe('undo()', () => {
  test('goes back to before the last configure that changed something, once', async () => {
    const before = await contents()
    await scene.settings.configure({ configs: ALL })
    const fresh = entry('kernel.sysctl.persist', { 'a.b': 1 }, '/etc/new.conf')
    await scene.settings.configure({ configs: ALL.slice(4) })
    expect((await scene.settings.undo({})).paths).toHaveLength(6)
    expect(await contents()).toEqual(before)
    expect(await scene.settings.drift()).toEqual({ watched: 0, drift: [] })
    expect(await faultOf(scene.settings.undo({}))).toMatchObject({
      kind: 'blocked',
      code: 'nothing-to-undo',
    })
    await scene.settings.configure({ configs: [fresh] })
    await scene.settings.undo({})
    expect(await names()).not.toContain('new.conf')
  })

  test('leaves everything alone when a person has edited one of the files since', async () => {
    await scene.settings.configure({ configs: ALL })
    await scene.write(LIMITS, LIMITS_TEXT)
    const edited = await contents()
    expect(await faultOf(scene.settings.undo({}))).toMatchObject({
      code: 'settings-changed-since',
      message: expect.stringContaining(LIMITS) as string,
    })
    expect(await contents()).toEqual(edited)
  })

  test('takes back the watched keys as they were', async () => {
    const port = (value: number) =>
      scene.settings.configure({ configs: [entry('kubernetes.kubelet', { port: value })] })
    await port(1)
    await port(2)
    await scene.settings.undo({})
    expect(await scene.settings.drift()).toEqual({ watched: 1, drift: [] })
    expect(await scene.read(KUBELET)).toContain('port: 1\n')
  })
})

describe('waiting for restarts', () => {
  const waiting = async () =>
    (await scene.settings.status())?.waiting.map(({ target, paths }) => [target, ...paths])

  test('tells services until they were started again, and the node until its boot', async () => {
    await scene.settings.configure({ configs: ALL })
    expect(await waiting()).toEqual([
      ['node', '/etc/sysctl.conf', `/${MENU}`],
      ['kubelet.service', `/${KUBELET}`],
      ['containerd.service', `/${CONTAINERD}`],
    ])
    const unit = scene.units.get('kubelet.service')
    if (unit !== undefined) unit.starts += 1
    expect((await waiting())?.map(([target]) => target)).toEqual(['node', 'containerd.service'])
    await scene.reboot()
    expect(await waiting()).toEqual([])
  })

  test('a service that does not run waits for nothing', async () => {
    const unit = scene.units.get('kubelet.service')
    if (unit !== undefined) unit.active = 'inactive'
    await scene.settings.configure({ configs: ALL.slice(4, 5) })
    expect(await waiting()).toEqual([])
  })

  test('undo before the restart leaves nothing that waits; after it, the restart waits again', async () => {
    await scene.settings.configure({ configs: ALL.slice(4, 5) })
    expect(await scene.settings.undo({})).toMatchObject({ waitsFor: [] })
    await scene.settings.configure({ configs: ALL.slice(4, 5), restart: true })
    expect(await waiting()).toEqual([])
    expect(await scene.settings.undo({})).toMatchObject({ waitsFor: ['kubelet.service'] })
  })
})

describe('restart', () => {
  const kubelet = ALL.slice(4, 5)

  test('starts containerd and then the kubelet again, only when their files change or wait', async () => {
    await scene.settings.configure({ configs: ALL, restart: true })
    expect(scene.restarts).toEqual(['containerd.service', 'kubelet.service'])
    await scene.settings.configure({ configs: ALL, restart: true })
    expect(scene.restarts).toHaveLength(2)
    await scene.settings.configure({ configs: [entry('kubernetes.kubelet', { port: 7 })] })
    await scene.settings.configure({ configs: [], restart: true })
    expect(scene.restarts.slice(2)).toEqual(['kubelet.service'])
  })

  test('puts all files back and starts the service with them when it does not stay', async () => {
    const unit = scene.units.get('kubelet.service')
    if (unit === undefined) throw new Error('no unit')
    unit.judge = () => (unit.starts === 2 ? 'activating' : 'active')
    const before = await contents()
    expect(await faultOf(scene.settings.configure({ configs: ALL, restart: true }))).toMatchObject({
      code: 'service-not-staying',
      message: expect.stringContaining('kubelet.service') as string,
    })
    expect(await contents()).toEqual(before)
    expect(scene.restarts).toEqual([
      'containerd.service',
      'kubelet.service',
      'containerd.service',
      'kubelet.service',
    ])
    expect(await scene.settings.status()).toBeUndefined()
  })

  test('a service that dies seconds later is not taken for one that stays', async () => {
    const unit = scene.units.get('kubelet.service')
    if (unit === undefined) throw new Error('no unit')
    let looks = 0
    const dying = {
      get active() {
        looks += 1
        return unit.starts === 2 && looks > 12 ? 'failed' : 'active'
      },
      set active(_: string) {},
      get starts() {
        return unit.starts
      },
      set starts(value: number) {
        unit.starts = value
      },
      judge: () => 'active',
    }
    scene.units.set('kubelet.service', dying)
    const fault = await faultOf(scene.settings.configure({ configs: kubelet, restart: true }))
    expect(fault).toMatchObject({ code: 'service-not-staying' })
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
  })

  test('the file of an earlier configure is put back, too, when its late restart fails', async () => {
    await scene.settings.configure({ configs: kubelet })
    const unit = scene.units.get('kubelet.service')
    if (unit !== undefined) unit.judge = () => (unit.starts === 2 ? 'failed' : 'active')
    const fault = await faultOf(scene.settings.configure({ configs: kubelet, restart: true }))
    expect(fault).toMatchObject({ code: 'service-not-staying' })
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
    expect(unit?.active).toBe('active')
  })

  test('says so when the service does not run with the old file either', async () => {
    const unit = scene.units.get('kubelet.service')
    if (unit !== undefined) unit.judge = () => 'failed'
    const fault = await faultOf(scene.settings.configure({ configs: kubelet, restart: true }))
    expect(fault).toMatchObject({ code: 'settings-undo-failed' })
    expect(await scene.read(KUBELET)).toBe(KUBELET_TEXT)
  })
})

describe('recover()', () => {
  test('takes back what a kill has cut off, at any write', async () => {
    const before = await contents()
    // The process "dies" at the kernel value, which comes last: the files before it are written.
    const dying = createSettings({
      ...scene.deps,
      writeKernelValue: () => {
        throw new Error('dies')
      },
      log: {
        ...scene.deps.log,
        error: () => {
          throw new Error('dead')
        },
      },
    })
    const configs = [...ALL.slice(1), ...ALL.slice(0, 1)]
    const store = await import('../../src/agent/settings/settings-store.ts')
    const record = store.createSettingsStore(scene.deps)
    await faultOf(dying.configure({ configs }))
    // As the record was while the writes went on.
    await scene.settings.configure({ configs })
    const done = await record.read()
    if (done.last === undefined) throw new Error('nothing was applied')
    await record.write({ ...done, open: { bootId: done.last.bootId, targets: done.last.targets } })
    await createSettings(scene.deps).recover()
    expect(await contents()).toEqual(before)
    expect((await record.read()).open).toBeUndefined()
  })

  test('a broken record counts as none and is kept', async () => {
    await scene.settings.configure({ configs: ALL })
    const text = await scene.read(RECORD)
    await scene.write(RECORD, text.replace('"format":1', '"format":2'))
    expect(await scene.settings.status()).toBeUndefined()
    await scene.settings.configure({ configs: [entry('pam.limits', { ftp: 'soft.core.1' })] })
    expect(await names()).toContain('settings.broken')
    expect(await scene.settings.drift()).toMatchObject({ watched: 1 })
  })
})
