// A Go that can build the control plane. One from PATH is enough from 1.21 on: it fetches the
// pinned tool chain by itself, through the module proxy and checked against Go's checksum database.
import { OsError } from '@kubenest/base/errors'
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { findProgram } from './find-program.ts'

const OLDEST_MINOR = 21

/** Path of a usable `go`. */
export async function findGo(deps: {
  readonly exec: Exec
  readonly env: Readonly<Record<string, string | undefined>>
}): Promise<string> {
  const folders = [...(deps.env['PATH'] ?? '').split(':'), '/usr/local/go/bin', '/usr/lib/go/bin']
  const go = await findProgram(
    'go',
    folders.filter((each) => each.startsWith('/')),
  )
  if (go === undefined) throw unusable('no go program is on PATH')
  const env = { GOTOOLCHAIN: 'local', HOME: '/' }
  const version = await runOrThrow(deps.exec, 'ask go for its version', {
    argv: [go, 'version'],
    env,
  })
  if (isUsableGo(version)) return go
  throw unusable(`${go} is too old (${version})`)
}

/** True for the output of `go version` of 1.21 or later. */
export function isUsableGo(version: string): boolean {
  const match = /\bgo(\d+)\.(\d+)/.exec(version)
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > 1 || (major === 1 && minor >= OLDEST_MINOR)
}

function unusable(reason: string): OsError {
  return new OsError('host', {
    code: 'go-missing',
    message:
      `Cannot build the control plane: ${reason}; install Go 1.21 or later from https://go.dev/dl, ` +
      'or put kube-apiserver, kube-controller-manager and kubectl on PATH',
  })
}
