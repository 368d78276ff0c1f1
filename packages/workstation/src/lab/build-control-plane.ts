// Builds kube-apiserver and its companions from the pinned Go module in deploy/control-plane. The
// module's go.sum holds the digest of every source file that takes part.
import goMod from '../../../../deploy/control-plane/go.mod' with { type: 'text' }
import goSum from '../../../../deploy/control-plane/go.sum' with { type: 'text' }
import commandsGo from '../../../../deploy/control-plane/commands.go' with { type: 'text' }
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import { ensureDirectory, renamePath, writeFile } from '@kubenest/base/files'
import { findGo } from './find-go.ts'

/** The version that labs and tests run, and that go.mod pins. */
export const KUBERNETES_VERSION = 'v1.36.3'

const BUILD_TIMEOUT_MS = 45 * 60_000
const LINK_FLAGS = [
  '-s -w',
  `-X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
  `-X k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES_VERSION}`,
].join(' ')

/** What a build needs. */
export interface BuildDeps {
  readonly exec: Exec
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cacheRoot: string
  readonly say: (line: string) => void
}

/**
 * Builds these programs into the cache. Interrupted, it leaves earlier programs and Go's own cache.
 */
export async function buildControlPlane(
  deps: BuildDeps,
  programs: readonly string[],
): Promise<void> {
  const { exec, say } = deps
  const go = await findGo(deps)
  const module = `${deps.cacheRoot}/control-plane/module`
  const target = `${deps.cacheRoot}/control-plane/${KUBERNETES_VERSION}`
  await writeModule(module)
  await ensureDirectory(target)
  say(`Building ${programs.join(', ')} ${KUBERNETES_VERSION} from source; about 10 minutes, once`)
  for (const name of programs) {
    say(`  go build ${name}`)
    await runOrThrow(exec, `build ${name}`, {
      argv: [go, ...buildArguments(name, `${target}/.${name}`)],
      cwd: module,
      env: goEnvironment(deps),
      timeoutMs: BUILD_TIMEOUT_MS,
    })
    await renamePath(`${target}/.${name}`, `${target}/${name}`)
  }
}

/** Arguments of `go` for one command. */
export function buildArguments(name: string, output: string): string[] {
  const source = `k8s.io/kubernetes/cmd/${name}`
  return ['build', '-trimpath', '-ldflags', LINK_FLAGS, '-o', output, source]
}

/** Go's environment: its caches lie below ours; the person's proxy settings count. */
export function goEnvironment(deps: Pick<BuildDeps, 'env' | 'cacheRoot'>): Record<string, string> {
  const taken = ['GOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GONOSUMCHECK', 'HTTPS_PROXY', 'HTTP_PROXY']
  const given = [...taken, 'NO_PROXY', 'SSL_CERT_FILE', 'HOME', 'GOMODCACHE', 'GOENV'].flatMap(
    (name): [string, string][] => {
      const value = deps.env[name]
      return value === undefined ? [] : [[name, value]]
    },
  )
  return {
    GOMODCACHE: `${deps.cacheRoot}/go-modules`,
    ...Object.fromEntries(given),
    GOCACHE: `${deps.cacheRoot}/go-cache`,
    GOFLAGS: '-mod=readonly',
    CGO_ENABLED: '0',
  }
}

async function writeModule(folder: string): Promise<void> {
  await ensureDirectory(folder)
  await writeFile(`${folder}/go.mod`, goMod)
  await writeFile(`${folder}/go.sum`, goSum)
  await writeFile(`${folder}/commands.go`, commandsGo)
}
