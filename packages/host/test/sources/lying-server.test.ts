// S-01 to S-05 through the engine: the right class of error, no partial file, the running slot and
// what boots untouched, and the node takes the honest image afterwards.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock, type Clock } from '@kubenest/base/clock'
import { createImageSource } from '../../src/agent/sources/select-source.ts'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import type { UpdateEngine } from '../../src/agent/update/update-engine.ts'
import { file, serveLies, type LyingServer } from '../agent/lying-server.ts'
import { makeTestCertificates, type TestCertificates } from '../agent/test-certificates.ts'
import { createFakeNode, makeImage, type FakeNode } from '../engine/fake-node.ts'
import { refusalOf, requestFor } from '../engine/requests.ts'
import { LIES, type LieRow } from './lies.ts'

setDefaultTimeout(120_000)

/** Waits are shortened twentyfold: a stall of 30 s takes 1.5 s. */
const hurriedClock: Clock = {
  ...systemClock,
  schedule: (delayMs, task) => systemClock.schedule(delayMs / 20, task),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
}
const never = new AbortController().signal
let folder = ''
let node: FakeNode
let engine: UpdateEngine
let image: Uint8Array
let certificates: TestCertificates
let server: LyingServer | undefined

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'lies-'))
  certificates = makeTestCertificates()
  node = await createFakeNode(folder)
  image = await makeImage(folder, { version: 'v2' })
  const store = path.join(node.root, 'etc/KubeOS/certs')
  await fs.mkdir(store, { recursive: true })
  for (const name of ['ca.pem', 'foreign.pem', 'foreign.key'])
    await fs.copyFile(path.join(certificates.folder, name), path.join(store, name))
  const source = createImageSource({ ...node.deps, clock: hurriedClock })
  engine = createUpdateEngine({ ...node.deps, source })
  await engine.recover()
})
afterEach(() => server?.close())
afterAll(async () => {
  await fs.rm(folder, { recursive: true })
  await fs.rm(certificates.folder, { recursive: true })
})

async function serve(row: Pick<LieRow, 'lies' | 'certificate' | 'isMutual'>): Promise<void> {
  const { certificate } = row
  const mutual = { ca: certificates.pem('ca.pem'), requestCert: true, rejectUnauthorized: true }
  const pair =
    certificate === undefined
      ? undefined
      : {
          cert: certificates.pem(`${certificate}.pem`),
          key: certificates.pem(`${certificate}.key`),
          ...(row.isMutual === true ? mutual : {}),
        }
  server = await serveLies(row.lies(image), pair)
}

function request({ certificate, client }: Pick<LieRow, 'certificate' | 'client'>) {
  const scheme = certificate === undefined ? 'http' : 'https'
  const certs = {
    ca_cert: 'ca.pem',
    client_cert: client === undefined ? '' : `${client}.pem`,
    client_key: client === undefined ? '' : `${client}.key`,
  }
  const image_url = `${scheme}://127.0.0.1:${server?.port}/os.img`
  return { ...requestFor(image, 'v2'), image_url, mtls: client !== undefined, certs }
}

async function digestOf(name: string): Promise<string> {
  return new Bun.CryptoHasher('sha256').update(await fs.readFile(name)).digest('hex')
}

describe('S-01 to S-05: a server that serves', () => {
  test('one of at least forty lies', () => {
    expect(LIES.length).toBeGreaterThanOrEqual(40)
    expect(new Set(LIES.map(({ what }) => what)).size).toBe(LIES.length)
  })

  for (const row of LIES)
    test(`${row.what}: ${row.code}`, async () => {
      const running = await digestOf(node.slotFile('A'))
      await serve(row)
      const refusal = await refusalOf(engine.prepare(request(row), () => {}, never))
      expect(refusal).toMatchObject({ kind: row.kind, code: row.code })
      expect(await digestOf(node.slotFile('A'))).toBe(running)
      const head = (await fs.readFile(node.slotFile('B'))).subarray(0, 65_536)
      expect(head.every((byte) => byte === 0)).toBe(true)
      expect(await fs.readdir(path.join(node.root, 'persist'))).toEqual(['kubenest'])
      expect((await refusalOf(engine.activate({}))).code).toBe('nothing-prepared')
    })

  test('the image after all: it is taken', async () => {
    expect((await node.boot()).slot).toBe('A')
    await serve({ lies: (bytes) => [file(bytes)] })
    await engine.prepare(request({}), () => {}, never)
    expect((await engine.describe()).slots[1]?.state).toBe('verified')
  })
})
