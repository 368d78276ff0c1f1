// The applet `hostshell` of the admin container (contract 7.1).
import type { Applet } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { forAPerson } from '../for-a-person.ts'
import { isRoot } from '../linux/is-root.ts'
import { sharesMountsWithInit } from '../linux/shares-mounts-with-init.ts'
import { callerPid, runTerminalSession } from '../linux/terminal-session.ts'
import { runHostshell } from './run-hostshell.ts'

/** As the contract has it for users other than root. */
const NOT_ROOT = 1

/** Runs `hostshell`. */
export const hostshellApplet: Applet = (context) =>
  forAPerson(context, async () => {
    const [extra] = context.argv
    if (extra !== undefined)
      throw new OsError('invalid', {
        code: 'usage',
        message: `Cannot start a host shell: unexpected argument ${JSON.stringify(extra.slice(0, 80))}; it takes none`,
      })
    if (!isRoot()) {
      context.stderr('Cannot start a host shell: run it as root [invalid/not-root]\n')
      return NOT_ROOT
    }
    return await runHostshell({
      ...context,
      clock: systemClock,
      callerPid: callerPid(),
      uid: 0,
      hostRoot: '/proc/1/root',
      sharesMountsWithInit: sharesMountsWithInit(),
      runSession: runTerminalSession,
    })
  })
