// One row per settings model: the file it changes on persist, what is there before, and the
// requests. (`/etc` of the guest is a folder of persist, as the overlay's upper layer is.)
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'

export interface SettingCase {
  readonly model: string
  /** `undefined`: the model keeps nothing on a disk. */
  readonly file?: string
  readonly before?: string
  readonly requests: readonly ConfigureEntry[]
}

function set(model: string, configPath: string, values: Record<string, unknown>): ConfigureEntry {
  const contents = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, { value, operation: '' }]),
  )
  return { model, config_path: configPath, contents }
}

const MENU = '/boot/efi/EFI/openEuler/grub.cfg'
const MANY_LINES = Array.from({ length: 120 }, (_, index) => `# line ${index}`).join('\n')

export const SETTING_CASES: readonly SettingCase[] = [
  {
    model: 'kernel.sysctl.persist',
    file: '/etc/sysctl.conf',
    before: `${MANY_LINES}\nkernel.panic = 1\nvm.swappiness = 10\n`,
    requests: [
      set('kernel.sysctl.persist', '', { 'kernel.panic': '3' }),
      set('kernel.sysctl.persist', '', { 'vm.swappiness': '30', 'vm.dirty_ratio': '15' }),
    ],
  },
  {
    model: 'kernel.sysctl',
    requests: [set('kernel.sysctl', '', { 'vm.swappiness': '20' })],
  },
  {
    model: 'kubernetes.kubelet',
    file: '/var/lib/kubelet/config.yaml',
    before: `${MANY_LINES}\nport: 10255\nclusterDNS:\n- 10.0.0.10\n`,
    requests: [
      set('kubernetes.kubelet', '', { port: 10250 }),
      set('kubernetes.kubelet', '', { maxPods: 120 }),
    ],
  },
  {
    model: 'container.containerd',
    file: '/etc/containerd/config.toml',
    before: `${MANY_LINES}\nversion = 2\nroot = "/data"\n`,
    requests: [set('container.containerd', '', { oom_score: -999 })],
  },
  {
    model: 'pam.limits',
    file: '/etc/security/limits.conf',
    before: `${MANY_LINES}\nftp soft core 0\n`,
    requests: [set('pam.limits', '', { ftp: 'hard._.10' })],
  },
  {
    model: 'grub.cmdline.current',
    file: MENU,
    requests: [
      set('grub.cmdline.current', '', { audit: 1 }),
      set('grub.cmdline.current', '', { audit: 0, nosmt: 'force' }),
    ],
  },
  {
    model: 'grub.cmdline.next',
    file: MENU,
    requests: [set('grub.cmdline.next', '', { audit: 2 })],
  },
]
