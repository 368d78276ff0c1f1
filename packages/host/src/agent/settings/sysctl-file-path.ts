// Which files `configpath` may name (decision 25, threat T11): the documented folders, and plain
// *.conf files directly in /etc, without those that name programs, libraries or plug-ins to run.
import { refusal, shown } from './setting-values.ts'

const DEFAULT_PATH = '/etc/sysctl.conf'
const PLAIN_FILE = /^\/etc\/(?:sysctl\.d\/)?[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,200}\.conf$/
/** Files in /etc that are code, or that tell a root program what to run, load or trust. */
const DENIED = new Set(
  [
    'adduser apg asound brltty ca-certificates chrony crio debconf deluser dhclient dhcpcd dracut',
    'e2scrub fuse fwupd gai hdparm host idmapd iscsid kdump kernel-img krb5 ld.so libaudit libuser',
    'locale logrotate login lvm makepkg man_db mdadm mke2fs modprobe modules multipath needrestart',
    'nfs nfsmount nscd nslcd nsswitch ntp openct opensc overlayroot pam pam_env pbuilder popularity-contest',
    'request-key resolv resolvconf reader rsyncd rsyslog sestatus smartd sssd sudo sudo_logsrvd',
    'syslog syslog-ng tcsd tmpfiles ucf udev updatedb vconsole wpa_supplicant xattr yum',
  ]
    .flatMap((line) => line.split(' '))
    .map((name) => `/etc/${name}.conf`),
)

/** The file of an entry; throws for a path outside the allowed ones. */
export function sysctlFileOf(configPath: string): string {
  if (configPath === '') return DEFAULT_PATH
  if (isSysctlFile(configPath)) return configPath
  throw refusal(
    'config-path-refused',
    `configpath ${shown(configPath)} is not allowed for kernel.sysctl.persist; use /etc/sysctl.conf, /etc/sysctl.d/NAME.conf or /etc/NAME.conf`,
  )
}

/** True for a path the model may write, also after links were followed. */
export function isSysctlFile(path: string): boolean {
  return PLAIN_FILE.test(path) && !DENIED.has(path)
}
