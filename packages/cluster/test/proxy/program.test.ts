// The proxy as a program: it ends in order, also beside an API server that never answers.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { STOP_TIMEOUT_MS } from '@kubenest/base/start-program'
import { proxyApplet } from '../../src/proxy/applet.ts'

test('proxyApplet() ends in order while the API server gives no answer', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'proxy-program-'))
  const asked = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch: () => {
      asked.resolve()
      return new Promise<Response>(() => {})
    },
  })
  const kubeconfig = path.join(folder, 'config')
  const named = (key: string, value: object) => [{ name: 'x', [key]: value }]
  fs.writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: named('cluster', { server: `http://127.0.0.1:${server.port}` }),
      users: named('user', { token: 't' }),
      contexts: named('context', { cluster: 'x', user: 'x' }),
      'current-context': 'x',
    }),
  )
  const stop = new AbortController()
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  try {
    const env = { NODE_NAME: 'n1', KUBECONFIG: kubeconfig }
    const ended = proxyApplet({ argv: [], env, stop: stop.signal, stdout: say, stderr: say })
    await asked.promise
    const from = performance.now()
    stop.abort()
    expect(await ended).toBe(0)
    expect(performance.now() - from).toBeLessThan(STOP_TIMEOUT_MS)
    expect(said.at(-1)).toContain('Proxy stopped')
  } finally {
    await server.stop(true)
    fs.rmSync(folder, { recursive: true })
  }
})
