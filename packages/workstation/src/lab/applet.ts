// The command line of `kubenest lab`.
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { isRunning } from '@kubenest/base/daemon'
import { OsError } from '@kubenest/base/errors'
import { runInteractive, terminalColumns } from '@kubenest/base/interactive'
import { systemExec } from '@kubenest/base/system-exec'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { awaitLightNodes } from './await-light-nodes.ts'
import { runDemo } from './demo.ts'
import { stopLab } from './lab-down.ts'
import { isLabFolder, type LabLocationOptions, locateLab, repeatOptions } from './lab-location.ts'
import { readLabRecord, readLabRequest } from './lab-record.ts'
import { renderFleet } from './fleet-table.ts'
import { labClient, readFleet } from './read-fleet.ts'
import { renderStatus } from './lab-status.ts'
import {
  abandonStart,
  type LabCommandDeps,
  type LabUpOptions,
  prepareLab,
  startLab,
} from './lab-up.ts'
import { superviseLab } from './supervise.ts'

/** Runs one lab command. */
export const labApplet: Applet = async (context) => {
  let exitCode = 0
  const program = buildCommands(context, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...context.argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE
    throw error
  }
}

const USAGE_EXIT_CODE = 64

function buildCommands(context: AppletContext, end: (exitCode: number) => void): Command {
  const deps = commandDeps(context)
  const program = new Command('kubenest lab')
    .description('A whole Kubernetes cluster on this machine, to see and test upgrades with')
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
  located(program.command('up').description('start a lab'))
    .option('--light <count>', 'light nodes: real agent and proxy in a sandbox', parseCount, 0)
    .option('--vm <count>', 'virtual machines as nodes', parseCount, 0)
    .option('--no-operator', 'do not start the operator')
    .option('--durable', 'virtual disks that survive a power cut; slower', false)
    .option('--until-exit-of <pid>', 'end the lab when this process ends; for tests', parsePid)
    .action(async (options: LabLocationOptions & LabUpOptions) => await up(deps, options))
  program
    .command('prepare')
    .description('build what labs take from the cache, and start none')
    .option('--vm', 'also what virtual machines need', false)
    .action(async (options: { vm: boolean }) => await prepare(deps, options))
  located(program.command('down').description('stop a lab and remove all of it')).action(
    async (options: LabLocationOptions) => await down(deps, options),
  )
  located(program.command('status').description('show a lab and its nodes')).action(
    async (options: LabLocationOptions) => end(await status(deps, context, options)),
  )
  located(program.command('kubectl').description('run kubectl in a lab: lab kubectl -- get nodes'))
    .argument('<arguments...>', 'arguments of kubectl, after --')
    .action(async (args: string[], options: LabLocationOptions) =>
      end(await kubectl(deps, args, options)),
    )
  located(
    program.command('demo').description('upgrade, rollback, broken upgrade: watch it happen'),
    'demo',
  )
    .option('--light <count>', 'light nodes', parseCount, 4)
    .option('--no-vm', 'light nodes only')
    .option('--keep', 'leave the lab running at the end', false)
    .action(async (options: LabLocationOptions & DemoFlags) =>
      end(await demo(deps, context, options)),
    )
  program
    .command('supervise', { hidden: true })
    .requiredOption('--state <folder>')
    .action(async (options: { state: string }) => end(await superviseLab(deps, options.state)))
  return program
}

interface DemoFlags {
  light: number
  vm: boolean
  keep: boolean
}

async function demo(
  deps: LabCommandDeps,
  context: AppletContext,
  options: LabLocationOptions & DemoFlags,
): Promise<number> {
  const location = locateLab(options, deps.env)
  const columns = terminalColumns()
  return await runDemo({ ...deps, write: context.stdout, columns }, location, {
    light: options.light,
    vm: options.vm ? 1 : 0,
    keep: options.keep,
  })
}

function commandDeps(context: AppletContext): LabCommandDeps {
  return {
    clock: systemClock,
    exec: systemExec,
    env: context.env,
    stop: context.stop,
    say: (line) => context.stdout(`${line}\n`),
  }
}

function located(command: Command, name = 'default'): Command {
  return command
    .addOption(new Option('--name <name>', 'name of the lab').default(name))
    .addOption(new Option('--state <folder>', 'state folder instead of the one in the cache'))
}

function parsePid(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a process id.')
}

function parseCount(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a number from 0.')
}

async function up(deps: LabCommandDeps, options: LabLocationOptions & LabUpOptions): Promise<void> {
  const location = locateLab(options, deps.env)
  const record = await startLab(deps, location, options)
  const client = await labClient(location.paths)
  const late = await awaitLightNodes({ ...deps, read: () => readFleet(client, location.paths) })
  if (deps.stop.aborted) return await abandonStart(deps, location)
  if (late.length > 0) deps.say(`Not Ready yet: ${late.join(', ')}; kubenest lab status shows them`)
  else if (options.light > 0) deps.say('All light nodes are Ready')
  if (options.vm > 0) deps.say('Virtual nodes boot for minutes; kubenest lab status shows them')
  const chosen = repeatOptions(options)
  deps.say(`Lab "${record.name}" is ready.`)
  deps.say(`  kubenest lab kubectl${chosen} -- get nodes`)
  deps.say(`  export KUBECONFIG=${location.paths.kubeconfig}`)
  deps.say(`  kubenest lab down${chosen}`)
}

async function prepare(deps: LabCommandDeps, options: { vm: boolean }): Promise<void> {
  const { cacheRoot } = locateLab({ name: 'default' }, deps.env)
  await prepareLab(deps, cacheRoot, options)
  deps.say('All that labs need is here.')
}

async function down(deps: LabCommandDeps, options: LabLocationOptions): Promise<void> {
  const { paths, name } = locateLab(options, deps.env)
  if (!(await isLabFolder(paths))) return deps.say(`There is no lab "${name}".`)
  await stopLab(deps, paths)
  deps.say(`Lab "${name}" is gone.`)
}

async function status(
  deps: LabCommandDeps,
  context: AppletContext,
  options: LabLocationOptions,
): Promise<number> {
  const { paths, name } = locateLab(options, deps.env)
  const record = await readLabRecord(paths.record)
  if (record === undefined) {
    deps.say(`There is no lab "${name}"; start one with kubenest lab up.`)
    return 1
  }
  const alive = isRunning(record.supervisor)
  const nowMs = deps.clock.nowMs()
  context.stdout(renderStatus(record, { alive, nowMs, folder: paths.root }))
  if (alive && record.phase === 'ready' && record.nodes.length > 0) {
    const fleet = await readFleet(await labClient(paths), paths)
    context.stdout(`\n${renderFleet(fleet, nowMs).join('\n')}\n`)
  }
  return alive && record.phase === 'ready' ? 0 : 1
}

async function kubectl(
  deps: LabCommandDeps,
  args: readonly string[],
  options: LabLocationOptions,
): Promise<number> {
  const { paths, name } = locateLab(options, deps.env)
  const record = await readLabRecord(paths.record)
  if (record === undefined || !isRunning(record.supervisor))
    throw new OsError('blocked', {
      code: 'lab-not-running',
      message: `Cannot reach lab "${name}": it does not run; start it with kubenest lab up`,
    })
  const request = await readLabRequest(paths.request)
  const argv: [string, ...string[]] = [request.programs.kubectl, ...args]
  return await runInteractive(argv, { ...deps.env, KUBECONFIG: paths.kubeconfig })
}
