import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { downloadFile } from './download.ts'
import { digestFile } from './files.ts'
import { type FileServer, serveFolder } from './http-server.ts'

let folder: string
let server: FileServer

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'download-'))
  fs.writeFileSync(`${folder}/thing`, 'content')
  server = serveFolder(folder)
})

afterEach(async () => {
  await server.stop()
  fs.rmSync(folder, { recursive: true })
})

function request(name: string, digest: string) {
  return { url: `http://127.0.0.1:${server.port}/${name}`, file: `${folder}/copy`, digest }
}

test('downloadFile() stores a file whose digest is right', async () => {
  await downloadFile(request('thing', await digestFile(`${folder}/thing`)))
  expect(fs.readFileSync(`${folder}/copy`, 'utf8')).toBe('content')
})

test('downloadFile() leaves nothing when the digest differs', async () => {
  const wrong = downloadFile(request('thing', '0'.repeat(64)))
  await expect(wrong).rejects.toMatchObject({ kind: 'integrity', code: 'download-digest-mismatch' })
  expect(fs.readdirSync(folder)).toEqual(['thing'])
})

test('downloadFile() says what the server answered', async () => {
  const missing = downloadFile(request('nothing', '0'.repeat(64)))
  await expect(missing).rejects.toMatchObject({ kind: 'transient', code: 'download-failed' })
  await expect(missing).rejects.toThrow('404')
})
