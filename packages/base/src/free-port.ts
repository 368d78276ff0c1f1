// Free TCP ports on loopback, for servers that must be told theirs before they start.
import * as net from 'node:net'

/** Ports nobody listens on now, all different. Another program may take one before it is used. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers: net.Server[] = []
  try {
    const ports: number[] = []
    for (let index = 0; index < count; index += 1) {
      const server = net.createServer()
      servers.push(server)
      ports.push(await listenAnywhere(server))
    }
    return ports
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

function listenAnywhere(server: net.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
