// The `proxy` program: environment and options as documented (contract 1.7), nothing else.
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { createLogger } from '@kubenest/base/log'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { createAgentClient } from './agent-client.ts'
import { runProxy } from './proxy.ts'

/** A write under way at SIGTERM may end; an API server without an answer must not hold us. */
const LAST_REQUESTS_MS = 2_000

const HELP = `Usage: proxy [--socket PATH]

Carries out its node's part of upgrades, rollbacks and settings: cordon, drain, agent, report.

Options:
  --socket PATH   Socket of the agent, instead of /run/os-agent/os-agent.sock and
                  /var/run/os-agent/os-agent.sock
  --help          This text

Environment:
  NODE_NAME       Name of the node, from the field spec.nodeName (required)
  HOSTNAME        Name of this pod; the drain leaves it alone
  KUBECONFIG      Connection to the cluster; without it, the pod's service account
  RUST_LOG        debug shows more
`

/** Runs the proxy of one node until SIGTERM. */
export const proxyApplet: Applet = async (context) => {
  if (context.argv.includes('--help')) {
    context.stdout(HELP)
    return 0
  }
  const socket = readSocket(context.argv)
  const nodeName = readNodeName(context)
  const log = createLogger({
    write: context.stdout,
    clock: systemClock,
    level: (context.env['RUST_LOG'] ?? '').toLowerCase().includes('debug') ? 'debug' : 'info',
    fields: { node: nodeName },
  })
  const config = await loadKubeConfig({ env: context.env })
  const ownPodName = context.env['HOSTNAME']
  log.info('Proxy started')
  await runProxy(
    {
      nodeName,
      client: createFetchClient(config, { until: endOfRequests(context.stop, systemClock) }),
      agent: createAgentClient(socket === undefined ? {} : { paths: [socket] }),
      clock: systemClock,
      log,
      freshId: () => crypto.randomUUID(),
      ...(ownPodName === undefined ? {} : { ownPodName }),
    },
    context.stop,
  )
  log.info('Proxy stopped')
  return 0
}

function endOfRequests(stop: AbortSignal, clock: Clock): AbortSignal {
  const end = new AbortController()
  const begin = () => clock.schedule(LAST_REQUESTS_MS, () => end.abort(stop.reason))
  if (stop.aborted) begin()
  else stop.addEventListener('abort', begin, { once: true })
  return end.signal
}

function readSocket(argv: readonly string[]): string | undefined {
  const [option, path, ...rest] = argv
  if (option === undefined) return undefined
  if (option === '--socket' && path?.startsWith('/') === true && rest.length === 0) return path
  const message = `Cannot start the proxy: unknown arguments "${argv.join(' ')}"; the only option is --socket with an absolute path`
  throw new OsError('invalid', { code: 'arguments-unknown', message })
}

function readNodeName({ env }: AppletContext): string {
  const nodeName = env['NODE_NAME']
  if (nodeName !== undefined && nodeName !== '') return nodeName
  throw new OsError('invalid', {
    code: 'node-name-missing',
    message:
      'Cannot start the proxy: NODE_NAME is not set; set it from the field spec.nodeName in the DaemonSet',
  })
}
