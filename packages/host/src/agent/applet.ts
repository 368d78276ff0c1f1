// The applet `os-agent`: the serving agent, the commands of the trial units, and those of a person.
// Each loads only what it needs.
import { AGENT_SOCKET_PATHS, type AgentStatus } from '@kubenest/api/agent/rpc'
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { createLogger, type Logger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { buildInfo } from '@kubenest/base/version'
import { isRoot } from '../linux/is-root.ts'
import { AGENT_HELP, parseAgentCommand, type AgentCommand } from './command-line.ts'
import { parseLogLevel } from './log-level.ts'
import type { EngineDeps } from './update/engine-context.ts'

const SOCKET_PATH = AGENT_SOCKET_PATHS[0]
const ROOT_UID = 0

/** Runs `os-agent`. */
export const osAgentApplet: Applet = async (context) => {
  const command = parseAgentCommand(context.argv)
  if (command.name === 'help') {
    context.stdout(AGENT_HELP)
    return 0
  }
  if (!isRoot())
    throw new OsError('invalid', {
      code: 'not-root',
      message: 'Cannot run os-agent: it changes disks and the boot loader; run it as root',
    })
  return command.name === 'status'
    ? await showStatus(context, command.isJson)
    : await runOnNode(context, command)
}

type NodeCommand = Exclude<AgentCommand, { name: 'help' | 'status' }>

async function runOnNode(context: AppletContext, command: NodeCommand): Promise<number> {
  const output = { write: context.stdout, clock: systemClock }
  // The first line of the log tells the version (contract 4.1), whatever the level.
  const auditLog = createLogger(output)
  auditLog.info('os-agent starts', { ...buildInfo, command: command.name })
  const log = createLogger({ ...output, level: parseLogLevel(context.env['RUST_LOG']) })
  const deps = await nodeDeps(log)
  if (command.name === 'serve') return await serve(context, deps, auditLog)
  const commands = await import('./update/commands.ts')
  switch (command.name) {
    case 'allow':
      return await commands.allow(deps, command.image)
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

async function showStatus(context: AppletContext, isJson: boolean): Promise<number> {
  const { callAgent } = await import('./rpc/call-agent.ts')
  const { renderStatus } = await import('./render-status.ts')
  const status = (await callAgent(SOCKET_PATH, 'status', systemClock)) as AgentStatus
  context.stdout(isJson ? `${JSON.stringify(status, null, 2)}\n` : renderStatus(status))
  return 0
}
