// What `os-agent` was called for. Pure.
import type { ImageIdentity } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'

/** A parsed call. */
export type AgentCommand =
  | { readonly name: 'help' }
  | { readonly name: 'serve' | 'trial-start' | 'gate' | 'deadline' }
  | { readonly name: 'status'; readonly isJson: boolean }
  | { readonly name: 'allow'; readonly image: ImageIdentity }

/** The text of `--help`. */
export const AGENT_HELP = `Changes the operating system of this node on behalf of the cluster.

Usage: os-agent                        serve the local socket (started by systemd)
       os-agent status [-o json]       show slots, the running operation and the last trial
       os-agent allow DIGEST VERSION   allow one more trial of an image that fell back on this node
       os-agent trial-start            note that a new version boots (called by its unit)
       os-agent gate                   judge a new version and keep it (called by its unit)
       os-agent deadline               return to the old version (called by its timer)

Options: --help, --version
Environment: RUST_LOG (error, warn, info, debug)
`

const UNIT_COMMANDS = ['trial-start', 'gate', 'deadline'] as const

/** Parses arguments; throws OsError `invalid`, code `usage`. */
export function parseAgentCommand(argv: readonly string[]): AgentCommand {
  const [name, ...rest] = argv
  if (name === '--help' || name === '-h') return { name: 'help' }
  if (name === 'status') return parseStatus(rest)
  if (name === 'allow') return parseAllow(rest)
  const extra = rest[0]
  if (extra !== undefined) throw usage(`unexpected argument ${JSON.stringify(extra)}`)
  if (name === undefined) return { name: 'serve' }
  const unit = UNIT_COMMANDS.find((each) => each === name)
  if (unit === undefined) throw usage(`there is no command ${JSON.stringify(name)}`)
  return { name: unit }
}

function parseStatus(rest: readonly string[]): AgentCommand {
  const format = rest.join(' ')
  if (format === '') return { name: 'status', isJson: false }
  if (/^(?:-o ?|--output[ =])json$/.test(format)) return { name: 'status', isJson: true }
  throw usage('status takes -o json or nothing')
}

function parseAllow(rest: readonly string[]): AgentCommand {
  const [digest, version, ...more] = rest
  if (digest === undefined || version === undefined || more.length > 0)
    throw usage('allow takes the digest and the version of an image, as status shows them')
  const hex = digest.toLowerCase().replace(/^sha256:/, '')
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw usage(`DIGEST ${JSON.stringify(digest.slice(0, 80))} is not 64 hexadecimal digits`)
  return { name: 'allow', image: { digest: hex, version } }
}

function usage(reason: string): OsError {
  return new OsError('invalid', {
    code: 'usage',
    message: `Cannot run os-agent: ${reason}; see os-agent --help`,
  })
}
