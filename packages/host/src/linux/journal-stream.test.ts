// Against a socket that speaks journald's side: what arrives is what journald would read.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openJournalStream } from './journal-stream.ts'

let folder: string
let server: Server | undefined
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'journal-stream-'))
})
afterEach(() => {
  server?.close()
  rmSync(folder, { recursive: true })
})

describe('openJournalStream()', () => {
  test('names itself, then writes one entry per line, all of it before it is closed', async () => {
    const received = Promise.withResolvers<string>()
    server = createServer((socket) => {
      let text = ''
      socket.on('data', (bytes) => (text += bytes.toString()))
      socket.on('end', () => {
        received.resolve(text)
        socket.end()
      })
    })
    await new Promise<void>((resolve) =>
      server?.listen(path.join(folder, 'stdout'), () => resolve()),
    )
    const stream = await openJournalStream('hostshell', folder)
    stream?.write('first')
    stream?.write('second\n')
    await stream?.close()
    expect(await received.promise).toBe('hostshell\n\n6\n0\n0\n0\n0\nfirst\nsecond\n')
  })

  test('tells that there is no journal instead of failing', async () => {
    expect(await openJournalStream('hostshell', folder)).toBeUndefined()
  })
})
