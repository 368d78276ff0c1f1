// The operations that are killed and made to fail, and the settings request among them.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'

export type Step =
  'recover' | 'prepare' | 'upgrade' | 'rollback' | 'configure' | 'commit' | 'deadline'

/**
 * A fixed id, so that the boot environment is the same each time and GRUB need not be asked anew.
 * Upgrade and rollback share it: a rollback under the id of its upgrade was once taken for a trial
 * that starts twice.
 */
export const OPERATION = { operation_id: '5f0c0a52-0000-4000-8000-000000000001' }

/** Two files in one request: one that exists, one that does not. */
export const SETTINGS: readonly ConfigureEntry[] = [
  {
    model: 'kernel.sysctl.persist',
    config_path: '/etc/sysctl.conf',
    contents: { 'vm.swappiness': { value: '10', operation: '' } },
  },
  {
    model: 'kernel.sysctl.persist',
    config_path: '/etc/sysctl.d/90-new.conf',
    contents: { 'vm.dirty_ratio': { value: '30', operation: '' } },
  },
]

/** What stands in the first file before and after the request. */
export const SETTINGS_FILES: Readonly<
  Record<string, readonly [before: string | undefined, after: string]>
> = {
  '/etc/sysctl.conf': ['# ours\nvm.swappiness=60\n', '# ours\nvm.swappiness=10\n'],
  '/etc/sysctl.d/90-new.conf': [undefined, 'vm.dirty_ratio=30\n'],
}
