// What `systemctl` does on a light node: asks the lab to reboot it, and answers about units, all of
// which the lab itself keeps running.
import type { Applet } from '@kubenest/base/applet'
import { writeFile } from '@kubenest/base/files'

/** Where a reboot is asked for; the supervisor looks there. */
export const REBOOT_REQUEST = '/run/kubenest-reboot'

/** `systemctl` of light nodes. */
export const lightSystemctlApplet: Applet = async (context) => {
  const words = context.argv.filter((word) => !word.startsWith('-') && !word.startsWith('/'))
  switch (words[0] ?? '') {
    case 'reboot':
      await writeFile(REBOOT_REQUEST, 'reboot\n')
      return 0
    case 'is-active':
      context.stdout(
        words
          .slice(1)
          .map(() => 'active\n')
          .join(''),
      )
      return 0
    case 'is-failed':
      context.stdout(
        words
          .slice(1)
          .map(() => 'active\n')
          .join(''),
      )
      return 1
    case 'is-system-running':
      context.stdout('running\n')
      return 0
    case 'list-units':
    case 'daemon-reload':
      return 0
    default:
      context.stderr(`systemctl: ${words.join(' ')} does nothing on a light node\n`)
      return 1
  }
}
