// The applet `os-agent`: the serving agent, the commands of the trial units, and those of a person.
// Each loads only what it needs.
import { AGENT_SOCKET_PATHS } from '@kubenest/api/agent/rpc'
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { createLogger, type Logger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { buildInfo } from '@kubenest/base/version'
import { forAPerson } from '../for-a-person.ts'
import { isRoot } from '../linux/is-root.ts'
import {
  AGENT_HELP,
  parseAgentCommand,
  type AgentCommand,
  type PersonCommand,
} from './command-line.ts'
import { parseLogLevel } from './log-level.ts'
import type { EngineDeps } from './update/engine-context.ts'

const SOCKET_PATH = AGENT_SOCKET_PATHS[0]
const ROOT_UID = 0

/** Runs `os-agent`. */
export const osAgentApplet: Applet = (context) => {
  if (context.argv.length === 0) return runUnitCommand(context, { name: 'serve' })
  return forAPerson(context, async () => {
    const command = parseAgentCommand(context.argv)
    if (command.name === 'help') {
      context.stdout(AGENT_HELP)
      return 0
    }
    return isUnitCommand(command)
      ? await runUnitCommand(context, command)
      : await serveAPerson(context, command)
  })
}

type UnitCommand = Extract<AgentCommand, { name: 'serve' | 'trial-start' | 'gate' | 'deadline' }>

function isUnitCommand(command: AgentCommand): command is UnitCommand {
  return !('isJson' in command) && command.name !== 'help'
}

function assertRoot(): void {
  if (isRoot()) return
  throw new OsError('invalid', {
    code: 'not-root',
    message: 'Cannot run os-agent: it changes disks and the boot loader; run it as root',
  })
}

async function runUnitCommand(context: AppletContext, command: UnitCommand): Promise<number> {
  assertRoot()
  const output = { write: context.stdout, clock: systemClock }
  // The first line of the log tells the version (contract 4.1), whatever the level.
  const auditLog = createLogger(output)
  auditLog.info('os-agent starts', { ...buildInfo, command: command.name })
  const log = createLogger({ ...output, level: parseLogLevel(context.env['RUST_LOG']) })
  const deps = await nodeDeps(log)
  if (command.name === 'serve') return await serve(context, deps, auditLog)
  const commands = await import('./update/commands.ts')
  switch (command.name) {
    case 'trial-start':
      return await commands.trialStart(deps)
    case 'gate':
      return await commands.gate(deps, context.stop)
    case 'deadline':
      return await commands.deadline(deps)
  }
}

async function serve(context: AppletContext, deps: EngineDeps, auditLog: Logger): Promise<number> {
  const [{ serveAgent }, { createUpdateEngine }, { createImageSource }] = await Promise.all([
    import('./serve-agent.ts'),
    import('./update/engine.ts'),
    import('./sources/select-source.ts'),
  ])
  const engine = createUpdateEngine({
    ...deps,
    source: createImageSource(deps),
    stop: context.stop,
  })
  await serveAgent({
    ...deps,
    auditLog,
    engine,
    socketPath: SOCKET_PATH,
    env: context.env,
    stop: context.stop,
    ownerUid: ROOT_UID,
  })
  return 0
}

async function nodeDeps(log: Logger): Promise<EngineDeps> {
  const [{ systemExec }, { systemRawFiles }, { rebootSystem }, { machineArchitecture }] =
    await Promise.all([
      import('@kubenest/base/system-exec'),
      import('../linux/raw-file.ts'),
      import('../linux/reboot.ts'),
      import('../linux/architecture.ts'),
    ])
  const base = { clock: systemClock, exec: systemExec, log }
  return {
    ...base,
    sysroot: createSysRoot('/'),
    rawFiles: systemRawFiles,
    architecture: machineArchitecture(),
    reboot: () => rebootSystem(base),
  }
}

/** Logs go to the journal, so that what a person reads is only the answer. */
async function serveAPerson(context: AppletContext, command: PersonCommand): Promise<number> {
  assertRoot()
  const [{ runPersonCommand }, { openJournalStream }, { createAudit }, { ownIdentity }] =
    await Promise.all([
      import('./person/run-person-command.ts'),
      import('../linux/journal-stream.ts'),
      import('./audit.ts'),
      import('../linux/own-identity.ts'),
    ])
  const journal = await openJournalStream('os-agent')
  const log = createLogger({ write: (line) => journal?.write(line), clock: systemClock })
  try {
    const { stdout, stop } = context
    const deps = { socketPath: SOCKET_PATH, clock: systemClock, stdout, stop }
    const engine = () => nodeDeps(log)
    const whole = { ...deps, engine, audit: createAudit(log), caller: ownIdentity() }
    return await runPersonCommand(whole, command)
  } finally {
    await journal?.close()
  }
}
