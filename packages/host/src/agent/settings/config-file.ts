// Which files `configpath` may name (decision 25, threat T11): the model's documented folder, and
// plain *.conf files directly in /etc, without those that name programs, libraries or plug-ins to
// run.
import { refusal, shown } from './setting-values.ts'

/** The files of one model. */
export interface ConfigFileRules {
  readonly model: string
  readonly defaultPath: string
  /** Files in the model's own folder. */
  readonly own: RegExp
  /** What to write instead of a refused path. */
  readonly remedy: string
}

const PLAIN_FILE = /^\/etc\/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,200}\.conf$/
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
export function configFileOf(rules: ConfigFileRules, configPath: string): string {
  if (configPath === '') return rules.defaultPath
  if (isConfigFile(rules, configPath)) return configPath
  throw refusal(
    'config-path-refused',
    `configpath ${shown(configPath)} is not allowed for ${rules.model}; ${rules.remedy}`,
  )
}

/** True for a path the model may write, also after links were followed. */
export function isConfigFile(rules: ConfigFileRules, path: string): boolean {
  return rules.own.test(path) || (PLAIN_FILE.test(path) && !DENIED.has(path))
}
