// `operator` as a program: options, environment, connection, orderly stop.
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { exitCodeOf, toOsError } from '@kubenest/base/errors'
import { readBytes } from '@kubenest/base/files'
import { createLogger, type Logger } from '@kubenest/base/log'
import { renderVersion } from '@kubenest/base/version'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { runWithLease } from '@kubenest/kube/leader-election/lease-election'
import { loadTimeZone } from './load-time-zone.ts'
import { runOperator } from './operator.ts'
import { parseOptions, USAGE, type OperatorFlags } from './options.ts'

const LEASE_NAMESPACE_DEFAULT = 'upgrade-system'
const LEASE_NAME = 'kubenest-operator'
const CLAIM_ID_LENGTH = 16

/** Entry for the applet table. */
export const operatorApplet: Applet = async (context) => {
  const clock = systemClock
  const isDebug = context.env['GO_LOG']?.toLowerCase() === 'debug'
  const write = context.stdout
  const log = createLogger({ write, clock, level: isDebug ? 'debug' : 'info' })
  try {
    const flags = parseOptions(context.argv)
    if (flags.help) return say(context, USAGE)
    if (flags.version) return say(context, `${renderVersion('operator')}\n`)
    await run(context, flags, log)
    log.info('Stopped')
    return 0
  } catch (thrown) {
    const error = toOsError(thrown)
    log.log(error.kind === 'bug' ? 'fatal' : 'error', 'Cannot run the operator', {
      code: error.code,
      error: error.message,
    })
    context.stderr(`${error.message}\n`)
    return exitCodeOf(error)
  }
}

function say(context: AppletContext, text: string): number {
  context.stdout(text)
  return 0
}

async function run(context: AppletContext, flags: OperatorFlags, log: Logger): Promise<void> {
  const clock = systemClock
  const zone = await loadTimeZone(context.env['TZ'], readBytes)
  const config = await loadKubeConfig({ env: context.env })
  const client = createFetchClient(config, { clock })
  const lead = (signal: AbortSignal) =>
    runOperator({ client, clock, log, zone, newId, workers: flags.workers }, signal)
  log.info('Starts', { version: renderVersion('operator'), server: config.server })
  if (flags.lease === 'off') return await lead(context.stop)
  const lease = { namespace: config.namespace ?? LEASE_NAMESPACE_DEFAULT, name: LEASE_NAME }
  const identity = `${context.env['HOSTNAME'] ?? 'operator'}-${newId()}`
  await runWithLease({ client, clock, log, lease, identity }, lead, context.stop)
}

function newId(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, CLAIM_ID_LENGTH)
}
