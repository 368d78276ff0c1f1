// Debian's docker-registry, private to a test: its storage in a temporary folder, listening on
// loopback. Several of them may serve one storage, with and without TLS.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { startTestDaemon, type TestDaemon } from './test-daemon.ts'

export interface TestRegistry extends TestDaemon {
  readonly port: number
}

/** Starts a registry; with certificate and key it speaks https only. */
export async function startRegistry(
  folder: string,
  storage: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<TestRegistry> {
  const [port = 0] = await freePorts(1)
  const config = path.join(folder, `registry-${port}.yml`)
  const certificate =
    tls === undefined ? '' : `  tls:\n    certificate: ${tls.cert}\n    key: ${tls.key}\n`
  await fs.writeFile(
    config,
    `version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: ${storage}\nhttp:\n  addr: 127.0.0.1:${port}\n${certificate}`,
  )
  const daemon = await startTestDaemon({
    argv: ['/usr/bin/docker-registry', 'serve', config],
    logFile: path.join(folder, `registry-${port}.log`),
    isReady: () => isListening(port),
  })
  return { ...daemon, port }
}

async function freePorts(count: number): Promise<number[]> {
  const { findFreePorts } = await import('@kubenest/base/free-port')
  return findFreePorts(count)
}

async function isListening(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
    socket.end()
    return true
  } catch {
    // Not yet.
    return false
  }
}
