// Command line of the operator. The documented manifest passes nothing, so every option has a
// default.
import { OsError } from '@kubenest/base/errors'

const WORKERS_MAX = 16

/** What the command line asks for. */
export interface OperatorFlags {
  help: boolean
  version: boolean
  workers: number
  /** `auto`: a lease saves work where leases are allowed. */
  lease: 'auto' | 'off'
}

export const USAGE = `Usage: operator [options]

Moves the operating systems of nodes to what OS objects ask for.

Options:
  --workers N        OS objects worked on at once, 1 to ${WORKERS_MAX} (default 1)
  --lease auto|off   elect a leader where leases are allowed (default auto)
  --version          print the version
  --help             print this text

Environment: KUBECONFIG (else the pod's service account), GO_LOG=debug, TZ (else /etc/localtime).
`

/**
 * Parses the arguments.
 *
 * @throws {OsError} kind `invalid`, code `bad-option`.
 */
export function parseOptions(argv: readonly string[]): OperatorFlags {
  const flags: OperatorFlags = { help: false, version: false, workers: 1, lease: 'auto' }
  const words = argv.flatMap((word) => {
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)]
  })
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    if (word === '--help' || word === '-h') flags.help = true
    else if (word === '--version') flags.version = true
    else if (word === '--workers') flags.workers = workers(words[(index += 1)])
    else if (word === '--lease') flags.lease = lease(words[(index += 1)])
    else throw badOption(`${JSON.stringify(word)} is not an option; see --help`)
  }
  return flags
}

function workers(text: string | undefined): number {
  const count = Number(text)
  if (text !== undefined && /^\d+$/.test(text) && count >= 1 && count <= WORKERS_MAX) return count
  throw badOption(
    `--workers is ${JSON.stringify(text ?? '')}; give a number from 1 to ${WORKERS_MAX}`,
  )
}

function lease(text: string | undefined): 'auto' | 'off' {
  if (text === 'auto' || text === 'off') return text
  throw badOption(`--lease is ${JSON.stringify(text ?? '')}; give auto or off`)
}

function badOption(reason: string): OsError {
  return new OsError('invalid', {
    code: 'bad-option',
    message: `Cannot start the operator: ${reason}`,
  })
}
