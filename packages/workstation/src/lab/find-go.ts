// A Go that can build the control plane. One from PATH is enough from 1.21 on: it fetches the
// pinned tool chain by itself, checked against Go's checksum database. Without one, we fetch it.
import { type ExecRequest, runOrThrow } from '@kubenest/base/exec'
import type { BuildDeps } from './build-control-plane.ts'
import { findProgram } from './find-program.ts'
import { fetchGoToolchain } from './go-toolchain.ts'

const OLDEST_MINOR = 21

/** Path of a usable `go`; fetched when the machine has none, or one that is too old. */
export async function findGo(deps: BuildDeps): Promise<string> {
  const folders = [...(deps.env['PATH'] ?? '').split(':'), '/usr/local/go/bin', '/usr/lib/go/bin']
  const go = await findProgram(
    'go',
    folders.filter((each) => each.startsWith('/')),
  )
  if (go !== undefined && (await isUsable(deps, go))) return go
  return await fetchGoToolchain(deps)
}

async function isUsable(deps: BuildDeps, go: string): Promise<boolean> {
  const env = { GOTOOLCHAIN: 'local', HOME: '/' }
  const request = { argv: [go, 'version'], env } satisfies ExecRequest
  return isUsableGo(await runOrThrow(deps.exec, 'ask go for its version', request))
}

/** True for the output of `go version` of 1.21 or later. */
export function isUsableGo(version: string): boolean {
  const match = /\bgo(\d+)\.(\d+)/.exec(version)
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > 1 || (major === 1 && minor >= OLDEST_MINOR)
}
