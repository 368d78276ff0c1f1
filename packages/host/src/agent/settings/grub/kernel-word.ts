// Words of a kernel command line that settings may add or change (threat T12): a grammar without
// anything that GRUB's script, the kernel's parser or systemd would interpret, and a list of words
// that make the node run something else than its slot.
import { sysctlPathOf } from '../sysctl-key.ts'
import { checkText, refusal, shown } from '../setting-values.ts'

const KEY = /^[a-z0-9][A-Za-z0-9_.:/-]{0,127}$/
const VALUE = /^[A-Za-z0-9_.,:=/@%+^~!-]{1,1024}$/
/**
 * Whole words: other programs as init, shells in the initramfs, run levels, other roots, and what
 * cloud-init and initramfs-tools fetch and run.
 */
const DENIED = new Set(
  [
    '0 1 2 3 4 5 6 b s boot bootconfig break cloud_config_url cryptdevice cryptopts debug_shell ds',
    'emergency init initrd kexec kgdbwait nbdroot netroot nfsaddrs nfsroot noinitrd ostree',
    'overlayroot overlayroot_cfgdisk rdinit rescue resume rootflags rootfstype roothash rw single',
    'url usrhash',
    'uvesafb.v86d nfs.cache_getent nfsd.cltrack_prog drbd.usermode_helper firmware_class.path',
  ].flatMap((line) => line.split(' ')),
)
/** What the initramfs, systemd and our own menu say to each other. */
const DENIED_PREFIXES = [
  'ci.',
  'coreos.',
  'dracut.',
  'flatcar.',
  'fstab',
  'ignition.',
  'kubenest.',
  'luks.',
  'mount.',
  'rd.',
  'systemd.',
]
/** cloud-init runs what follows it, wherever it stands; in a hardware address it does not. */
const CLOUD_CONFIG = /cc:(?!(?:[0-9a-f]{2}:){0,4}[0-9a-f]{2}$)/i
/** Of those, the ones that neither run nor leave out anything. */
const HARMLESS = new Set([
  'systemd.legacy_systemd_cgroup_controller',
  'systemd.log_level',
  'systemd.show_status',
  'systemd.unified_cgroup_hierarchy',
])
/** Words without which an entry is no longer that of its slot. */
const KEPT = new Set(['root', 'ro'])

/** Checks a word that is to be added or changed; `root` is judged by whoever knows the slots. */
export function checkKernelWord(key: string, value: string): void {
  checkText(key, key)
  if (!KEY.test(key))
    throw refusal(
      'kernel-word-malformed',
      `${shown(key)} is not the name of a kernel parameter; write it like crashkernel or net.ifnames`,
    )
  if (value !== '' && !VALUE.test(value))
    throw refusal(
      'kernel-word-malformed',
      `the value of ${shown(key)} holds a character that the boot loader or the kernel would interpret; use letters, digits and _ . , : = / @ % + ^ ~ ! -`,
    )
  if (isDenied(key) || CLOUD_CONFIG.test(`${key}=${value}`))
    throw refusal(
      'kernel-word-denied',
      `${shown(key)} may not be set: through it the node would start or run something else than its slot; remove it`,
    )
  // sysctl.kernel.core_pattern= and the like are applied by the kernel before anything else.
  if (key.startsWith('sysctl.') || key.startsWith('sysctl/'))
    sysctlPathOf(key.slice('sysctl.'.length))
}

/** Refuses to delete what an entry needs. */
export function checkDeletion(key: string): void {
  if (KEPT.has(key))
    throw refusal(
      'kernel-word-denied',
      `${shown(key)} may not be deleted: without it the slot does not boot as it is meant to`,
    )
}

function isDenied(key: string): boolean {
  // The kernel and systemd read - and _ alike.
  const name = key.replaceAll('-', '_').toLowerCase()
  if (HARMLESS.has(name)) return false
  return DENIED.has(name) || DENIED_PREFIXES.some((prefix) => name.startsWith(prefix))
}
