// Peak memory of the agent while 2 GiB come over TLS, whole process: the unit's limit counts it so.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { prepareUpgrade } from './agent-call.ts'
import { layOutNode, makeRootImage, startAgent } from './agent-node.ts'
import { digestOf } from './digest-of.ts'
import type { Bench } from './figure.ts'

const IMAGE_MIB = 2048
const RESIDENT_MB_MAX = 100
const CA = 'ca.crt'

/** See the head of this file. */
export const agentTls: Bench = {
  name: 'agent-tls',
  async run({ dist, folder }) {
    const image = makeRootImage(folder, IMAGE_MIB, 'noise')
    const node = layOutNode(path.join(folder, 'node'), fs.statSync(image).size)
    const certificates = path.join(node.root, 'certs')
    makeCertificate(certificates)
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      tls: { cert: Bun.file(path.join(certificates, CA)), key: Bun.file(`${folder}/server.key`) },
      fetch: () => new Response(Bun.file(image)),
    })
    const agent = await startAgent(dist, node)
    try {
      const url = `https://localhost:${server.port}/root.img`
      await prepareUpgrade(node.socket, {
        url,
        digest: await digestOf(image),
        version: 'v2',
        ca: CA,
      })
      return [
        {
          what: 'Agent, peak resident while 2 GiB come over TLS',
          value: agent.mostResidentMb(),
          limit: RESIDENT_MB_MAX,
          unit: 'MB',
        },
      ]
    } finally {
      await agent.stop()
      await server.stop(true)
    }
  },
}

/** One that is its own authority; the key stays outside the node. */
function makeCertificate(folder: string): void {
  const key = path.join(folder, '../../server.key')
  const files = ['-keyout', key, '-out', path.join(folder, CA)]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const made = spawnSync('openssl', ['req', ...kind, '-days', '2', ...files, ...names])
  if (made.status !== 0) throw new Error(`Cannot make a certificate: ${made.stderr.toString()}`)
}
