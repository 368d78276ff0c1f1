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
/**
 * Files in /etc that are code, or that tell a root program what to run, load or trust. A line of
 * one format can be a line of another: a YAML key may read `kernel.x=|/bin/y`, hence `sysctl`.
 */
const DENIED = new Set(
  [
    'adduser aide apg asound autofs bird brltty ca-certificates certmonger chrony collectd crio',
    'debconf deluser dhclient dhcpcd dnsmasq dracut drbd e2scrub fuse fwupd gai hdparm host hostapd',
    'idmapd incron inetd ipsec iscsid kdump keepalived kernel-img krb5 ld.so libaudit libuser lircd',
    'locale logrotate login lvm makepkg man_db mdadm mke2fs modprobe modules monit multipath',
    'needrestart nfs nfsmount nscd nslcd nsswitch ntp oddjobd openct opensc overlayroot pam pam_env',
    'pbuilder popularity-contest reader request-key resolv resolvconf rsyncd rsyslog sestatus smartd',
    'snmpd snmptrapd sssd strongswan sudo sudo_logsrvd swanctl sysctl syslog syslog-ng tcsd tmpfiles',
    'ucf udev ups updatedb vconsole vsftpd watchdog wpa_supplicant xattr xinetd yum',
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
