// Files that other programs read word by word: kubelet (os-release), systemd, GRUB, the agent.
import { expect, test } from 'bun:test'
import { deriveBuildIds } from './build-ids.ts'
import { DEFAULT_DISK, type ImageConfig, secret } from './config.ts'
import { type RootInput, renderOsRelease, renderRootFiles, unitsToEnable } from './root-files.ts'

async function input(): Promise<RootInput> {
  const config: ImageConfig = {
    repo: {
      version: 'v1',
      repoPath: 'r',
      agentPath: 'a',
      rootPasswordHash: secret('h'),
      packages: [],
      legacyBios: false,
      upgradeImage: undefined,
    },
    users: [],
    copies: [],
    grubPassword: undefined,
    services: [],
    chrootScript: undefined,
    disk: DEFAULT_DISK,
    persistFolders: [],
  }
  return {
    config,
    ids: await deriveBuildIds(config, 0),
    builtAtSeconds: 0,
    packages: [{ name: 'systemd', version: '252' }],
  }
}

test('renderOsRelease() writes exactly the documented lines', () => {
  expect(renderOsRelease('v1')).toBe(
    'NAME="KubeOS"\nID=kubeos\nPRETTY_NAME="KubeOS v1"\nVERSION_ID=v1\n',
  )
})

test('renderRootFiles() brings the documented mount units', async () => {
  const files = new Map(renderRootFiles(await input()).map((file) => [file.path, file.text]))
  const etc = files.get('/usr/lib/systemd/system/etc.mount')
  expect(etc).toContain('Options=upperdir=/persist/etc,lowerdir=/etc,workdir=/persist/etcwork')
  expect(etc).toContain('After=persist.mount')
  expect(files.get('/usr/lib/systemd/system/persist.mount')).toContain(
    'What=/dev/disk/by-label/PERSIST',
  )
  expect(files.get('/usr/lib/systemd/system/boot-efi.mount')).toContain(
    'What=/dev/disk/by-label/BOOT',
  )
})

test('renderRootFiles() gives the menu the partitions of this build', async () => {
  const wanted = await input()
  const menu = renderRootFiles(wanted).find((file) => file.path.endsWith('/grub.cfg'))?.text
  expect(menu).toContain(`root=PARTUUID=${wanted.ids.rootA} ro`)
  expect(menu).toContain(`root=PARTUUID=${wanted.ids.rootB} ro`)
  expect(menu).toContain('panic=3')
})

test('renderRootFiles() leaves sizes and digests out of the manifest inside the root', async () => {
  const text = renderRootFiles(await input()).find((file) => file.path.endsWith('image.json'))?.text
  expect(JSON.parse(text ?? '')).toEqual({
    format: 1,
    name: 'kubeos',
    osversion: 'KubeOS v1',
    architecture: 'x86_64',
    layout: 'ab-ext4',
    trialContract: 1,
    builtAt: '1970-01-01T00:00:00Z',
    packages: [{ name: 'systemd', version: '252' }],
  })
})

test('unitsToEnable() starts the agent, its gate and every mount, also /var', () => {
  expect(unitsToEnable()).toEqual(
    expect.arrayContaining([
      'os-agent.socket',
      'kubenest-gate.service',
      'kubenest-trial.service',
      'var.mount',
      'etc.mount',
    ]),
  )
})

test('renderRootFiles() lets systemd feed a watchdog', async () => {
  const files = new Map(renderRootFiles(await input()).map((file) => [file.path, file.text]))
  const text = files.get('/usr/lib/systemd/system.conf.d/50-kubenest-watchdog.conf')
  expect(text).toContain('[Manager]\nRuntimeWatchdogSec=')
  // Most virtual machines have none of their own.
  expect(files.get('/usr/lib/systemd/system/kubenest-softdog.service')).toContain(
    'modprobe softdog',
  )
  expect(unitsToEnable()).toContain('kubenest-softdog.service')
})
