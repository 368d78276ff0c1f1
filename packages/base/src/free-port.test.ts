import { expect, test } from 'bun:test'
import { findFreePorts } from './free-port.ts'
import { serveFolder } from './http-server.ts'

test('findFreePorts() gives different ports that can be used at once', async () => {
  const ports = await findFreePorts(8)
  expect(new Set(ports).size).toBe(8)
  const servers = ports.map((port) => serveFolder('/nonexistent', port))
  expect(servers.map((server) => server.port)).toEqual(ports)
  await Promise.all(servers.map((server) => server.stop()))
})
