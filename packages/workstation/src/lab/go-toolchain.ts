// Go for machines that have none: the tool chain as a module, from the module proxy. Its digest was
// taken from an archive that `go mod download` had checked against Go's checksum database.
import { downloadFile } from '@kubenest/base/download'
import { OsError, toOsError } from '@kubenest/base/errors'
import { runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, removePath, renamePath, stat } from '@kubenest/base/files'
import type { BuildDeps } from './build-control-plane.ts'

const MODULE = 'golang.org/toolchain'
const VERSION = 'v0.0.1-go1.26.0.linux-amd64'
const DIGEST = '38461905b98c59173672814302e222ab43b652274bc0c95817b08b71ab66b705'
const PUBLIC_PROXY = 'https://proxy.golang.org'

/** Fetches the tool chain unless the cache has it; returns the path of `go`. */
export async function fetchGoToolchain(deps: BuildDeps): Promise<string> {
  const folder = `${deps.cacheRoot}/go-toolchain`
  const root = `${folder}/${VERSION}`
  const go = `${root}/bin/go`
  if ((await stat(go)) !== undefined) return go
  deps.say('Fetching Go 1.26.0, which builds the control plane (72 MB)')
  await ensureDirectory(folder)
  const archive = `${folder}/${VERSION}.zip`
  await downloadFromAny(moduleProxies(deps.env['GOPROXY']), archive)
  const unpacked = `${folder}/.unpacked`
  await removePath(unpacked)
  await runOrThrow(deps.exec, 'unpack Go', { argv: ['unzip', '-q', archive, '-d', unpacked] })
  const inside = `${unpacked}/${MODULE}@${VERSION}`
  // Archives of modules carry no modes.
  const programs = [`${inside}/bin`, `${inside}/pkg/tool`]
  await runOrThrow(deps.exec, 'unpack Go', { argv: ['chmod', '-R', 'a+rx', ...programs] })
  await renamePath(inside, root)
  await removePath(unpacked)
  await removePath(archive)
  return go
}

async function downloadFromAny(proxies: readonly string[], file: string): Promise<void> {
  let failure = new OsError('invalid', {
    code: 'go-proxy-missing',
    message: 'Cannot fetch Go: GOPROXY names no https server; set it to a module proxy',
  })
  for (const proxy of proxies) {
    try {
      const url = `${proxy}/${MODULE}/@v/${VERSION}.zip`
      return await downloadFile({ url, file, digest: DIGEST })
    } catch (error) {
      failure = toOsError(error)
    }
  }
  throw failure
}

/** Servers that GOPROXY names, in order; `direct` and `off` are none. */
export function moduleProxies(setting: string | undefined): string[] {
  if (setting === undefined || setting === '') return [PUBLIC_PROXY]
  return setting
    .split(/[,|]/)
    .map((each) => each.trim().replace(/\/+$/, ''))
    .filter((each) => /^https?:\/\//.test(each))
}
