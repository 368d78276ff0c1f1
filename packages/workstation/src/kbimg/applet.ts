// The kbimg program: arguments and environment in, exit code out. 0 done, 1 refused or failed, 2
// wrong usage, 203 another build holds the lock (contract 6.1, decision 13).
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { isOsError, OsError, toOsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import { readText, resolveLinks } from '@kubenest/base/files'
import { createLogger, type Logger, type LogLevel } from '@kubenest/base/log'
import { systemExec } from '@kubenest/base/system-exec'
import { buildImage } from './build-image.ts'
import { type CommandLine, parseCommandLine } from './command-line.ts'
import { type ParsedConfig, parseConfig } from './parse-config.ts'
import { resolveFrom } from './host-path.ts'
import { generateScripts } from './generate-scripts.ts'

type CreateCommand = Extract<CommandLine, { action: 'create' }>

const LOCK_TAKEN = 203

/** `kbimg`. */
export const kbimgApplet: Applet = async (context) => {
  const command = parseCommandLine(context.argv, context)
  if (command.action === 'exit') return command.exitCode
  const log = createLogger({
    write: context.stdout,
    clock: systemClock,
    level: logLevel(context, command),
  })
  try {
    await create(context, command, log)
    return 0
  } catch (error) {
    const known = toOsError(error)
    log.error(known.message, { code: known.code })
    return isOsError(error, 'lock-taken') ? LOCK_TAKEN : 1
  }
}

function logLevel(context: AppletContext, command: CreateCommand): LogLevel {
  const wanted = context.env['RUST_LOG']
  if (wanted === 'debug' || wanted === 'info' || wanted === 'warn' || wanted === 'error')
    return wanted
  return command.debug ? 'debug' : 'info'
}

async function create(context: AppletContext, command: CreateCommand, log: Logger): Promise<void> {
  const cwd = await currentDirectory()
  const { config } = await readConfigFile(cwd, command, log)
  const epochSeconds = readEpoch(context.env['SOURCE_DATE_EPOCH'])
  const imageType = command.imageType === 'upgrade-img' ? 'upgrade-img' : 'vm-img'
  const user = await runOrThrow(systemExec, 'find the user', { argv: ['id', '-u'] })
  const request = {
    imageType,
    config,
    cwd,
    configFile: command.file,
    runsAsRoot: user === '0',
    exec: systemExec,
  } as const
  if (command.debug) {
    log.debug('configuration read', { file: command.file, config: JSON.stringify(config) })
    await generateScripts({ ...request, epochSeconds: epochSeconds ?? 0 })
    log.info('files generated, nothing built', { folder: `${cwd}/scripts-auto` })
    return
  }
  await buildImage({
    ...request,
    epochSeconds,
    report: (line) => context.stdout(`${line}\n`),
    clock: systemClock,
    stop: context.stop,
  })
  log.info('image built', { folder: `${cwd}/scripts-auto` })
}

async function readConfigFile(
  cwd: string,
  command: CreateCommand,
  log: Logger,
): Promise<ParsedConfig> {
  const text = await readText(resolveFrom(cwd, command.file))
  if (text === undefined)
    throw new OsError('invalid', {
      code: 'config-file',
      message: `Cannot read ${command.file}: no such file exists; give the path of a TOML file with -f`,
    })
  const architecture = await runOrThrow(systemExec, 'find the architecture', {
    argv: ['uname', '-m'],
  })
  if (architecture !== 'x86_64')
    throw new OsError('invalid', {
      code: 'architecture',
      message: `Cannot build on ${architecture}: this version of kbimg builds x86_64 images on x86_64; use such a machine`,
    })
  const parsed = parseConfig(text, {
    imageType: command.imageType,
    architecture,
    strict: command.strict,
  })
  for (const { key, nearest } of parsed.unknownKeys)
    log.warn('unknown key ignored', { key, nearest })
  return parsed
}

/** `/proc/self/cwd` is this process, without asking the environment. */
async function currentDirectory(): Promise<string> {
  const cwd = await resolveLinks('/proc/self/cwd')
  if (cwd !== undefined) return cwd
  throw new OsError('host', {
    code: 'no-cwd',
    message: 'Cannot build: the current directory is gone; enter another',
  })
}

function readEpoch(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined
  if (/^\d{1,11}$/.test(value)) return Number(value)
  throw new OsError('invalid', {
    code: 'epoch',
    message: `Cannot use SOURCE_DATE_EPOCH = ${JSON.stringify(value)}: it must be seconds since 1970; correct or unset it`,
  })
}
