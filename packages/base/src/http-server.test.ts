import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { type FileServer, parseRange, serveFolder } from './http-server.ts'

let folder: string
let server: FileServer

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'serve-'))
  fs.mkdirSync(`${folder}/served`)
  fs.writeFileSync(`${folder}/served/file`, '0123456789')
  fs.writeFileSync(`${folder}/served/.hidden`, 'not complete')
  fs.writeFileSync(`${folder}/secret`, 'secret')
  server = serveFolder(`${folder}/served`)
})

afterEach(async () => {
  await server.stop()
  fs.rmSync(folder, { recursive: true })
})

function get(name: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}/${name}`, { headers })
}

test('serveFolder() serves a whole file and a range of it', async () => {
  expect(await (await get('file')).text()).toBe('0123456789')
  const part = await get('file', { range: 'bytes=4-' })
  expect(part.status).toBe(206)
  expect(part.headers.get('content-range')).toBe('bytes 4-9/10')
  expect(await part.text()).toBe('456789')
})

test.each(['', '.hidden', 'nothing', '..%2Fsecret', '%2e%2e/secret', 'x%2F..%2F..%2Fsecret'])(
  'serveFolder() gives nothing for %p',
  async (name) => {
    expect((await get(name)).status).toBe(404)
  },
)

test.each([
  ['bytes=0-4', { start: 0, end: 5 }],
  ['bytes=9-', { start: 9, end: 10 }],
  ['bytes=5-99', { start: 5, end: 10 }],
  ['bytes=10-', undefined],
  ['bytes=-5', undefined],
  [null, undefined],
])('parseRange(%p) of 10 bytes is %p', (header, range) => {
  expect(parseRange(header, 10)).toEqual(range)
})
