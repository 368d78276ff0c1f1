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

const MANY_LINES = Array.from({ length: 120 }, (_, index) => `# line ${index}`).join('\n')

export const SETTING_CASES: readonly SettingCase[] = [
  {
    model: 'kernel.sysctl.persist',
    file: '/etc/sysctl.conf',
    before: `${MANY_LINES}\nkernel.panic = 1\nvm.swappiness = 10\n`,
    requests: [
      set('kernel.sysctl.persist', '', { 'kernel.panic': '3' }),
      set('kernel.sysctl.persist', '', { 'vm.swappiness': '30', 'vm.dirty_ratio': '15' }),
      set('kernel.sysctl.persist', '', { 'kernel.panic': '5' }),
    ],
  },
]
