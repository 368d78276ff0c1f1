// What `os-agent` was called for. Pure.
import type { ImageIdentity } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'

/** What a person asks for; each can be answered as a table or as JSON. */
export type PersonCommand = { readonly isJson: boolean } & (
  | {
      readonly name:
        'status' | 'slots' | 'verify' | 'mark-good' | 'rollback' | 'cancel' | 'drift' | 'undo'
    }
  | { readonly name: 'allow'; readonly image: ImageIdentity }
  | { readonly name: 'release-file' | 'plan'; readonly path: string }
)

/** A parsed call. */
export type AgentCommand =
  | { readonly name: 'help' }
  | { readonly name: 'serve' | 'trial-start' | 'gate' | 'deadline' }
  | PersonCommand

/** The text of `--help`. */
export const AGENT_HELP = `Changes the operating system of this node on behalf of the cluster, and answers a person on it.

Usage: os-agent <command> [-o json]

Look:
  status                 slots, the running operation, the last trial, what is not as it should be
  slots                  both slots in full: device, version, digest, which one boots next
  verify                 read both slots whole and compare them with what was written
  plan FILE              what the settings in FILE (an OS object, or its sysconfigs) would change
  drift                  settings that no longer are as they were applied
Act:
  rollback               boot the version before, once, on trial; the node reboots at once
  cancel                 end a running preparation
  mark-good              keep the running version without waiting for its health gate
  allow DIGEST VERSION   allow one more trial of an image that fell back on this node
  release-file PATH      let the image's file below /etc show again in place of the node's own
  undo                   put settings back as they were before the last change
Called by systemd:
  (none)                 serve the local socket
  trial-start            note that a new version boots
  gate                   judge a new version and keep it
  deadline               return to the old version

Options: -o json, --help, --version
Exit codes: 0 done; 64 wrong call; 65 a slot is not as written; 69 the node refused; 75 busy or away,
repeat later; 70 a defect of this program
Environment: RUST_LOG (error, warn, info, debug)
`

const UNIT_COMMANDS = ['trial-start', 'gate', 'deadline'] as const
const PLAIN_COMMANDS = [
  'status',
  'slots',
  'verify',
  'mark-good',
  'rollback',
  'cancel',
  'drift',
  'undo',
] as const

/** Parses arguments; throws OsError `invalid`, code `usage`. */
export function parseAgentCommand(argv: readonly string[]): AgentCommand {
  const [name] = argv
  if (name === undefined) return { name: 'serve' }
  if (argv.includes('--help') || argv.includes('-h')) return { name: 'help' }
  const unit = UNIT_COMMANDS.find((each) => each === name)
  if (unit === undefined) return parsePersonCommand(name, argv.slice(1))
  expectNone(argv.slice(1))
  return { name: unit }
}

function parsePersonCommand(name: string, argv: readonly string[]): PersonCommand {
  const { words, isJson } = takeOutput(argv)
  if (name === 'allow') return { name, isJson, image: parseImage(words) }
  if (name === 'plan' || name === 'release-file') {
    const [path, ...more] = words
    if (path === undefined || path === '') throw usage(`${name} takes the path of one file`)
    expectNone(more)
    return { name, isJson, path }
  }
  const plain = PLAIN_COMMANDS.find((each) => each === name)
  if (plain === undefined) throw usage(`there is no command ${JSON.stringify(name.slice(0, 80))}`)
  expectNone(words)
  return { name: plain, isJson }
}

function takeOutput(argv: readonly string[]): { words: string[]; isJson: boolean } {
  const words: string[] = []
  let format: string | undefined
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const attached = /^(?:-o=?|--output=)(.+)$/.exec(word)?.[1]
    if (attached !== undefined) format = attached
    else if (word === '-o' || word === '--output') format = rest.shift() ?? ''
    else words.push(word)
  }
  if (format !== undefined && format !== 'json') throw usage('-o takes json; without it, a table')
  return { words, isJson: format === 'json' }
}

function parseImage(words: readonly string[]): ImageIdentity {
  const [digest, version, ...more] = words
  if (digest === undefined || version === undefined)
    throw usage('allow takes the digest and the version of an image, as status shows them')
  expectNone(more)
  const hex = digest.toLowerCase().replace(/^sha256:/, '')
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw usage(`DIGEST ${JSON.stringify(digest.slice(0, 80))} is not 64 hexadecimal digits`)
  return { digest: hex, version }
}

function expectNone(words: readonly string[]): void {
  const [extra] = words
  if (extra !== undefined) throw usage(`unexpected argument ${JSON.stringify(extra.slice(0, 80))}`)
}

function usage(reason: string): OsError {
  return new OsError('invalid', {
    code: 'usage',
    message: `Cannot run os-agent: ${reason}; see os-agent --help`,
  })
}
