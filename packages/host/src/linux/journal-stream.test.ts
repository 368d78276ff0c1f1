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

  test('closes a stream that the journal has ended before', async () => {
    const ended = Promise.withResolvers<void>()
    server = createServer((socket) => {
      socket.on('error', () => {
        // Ours: the writer may be in the middle of a line.
      })
      socket.on('close', () => ended.resolve())
      socket.destroy()
    })
    await new Promise<void>((resolve) =>
      server?.listen(path.join(folder, 'stdout'), () => resolve()),
    )
    const stream = await openJournalStream('os-agent', folder)
    await ended.promise
    // Until the writer has seen it, too.
    for (let turn = 0; turn < 100; turn++) await new Promise((next) => setImmediate(next))
    await stream?.close()
    stream?.write('nobody reads this')
  })

  test('closes a stream whose journal is stuck', async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => void socket.pause())
    await new Promise<void>((resolve) =>
      server?.listen(path.join(folder, 'stdout'), () => resolve()),
    )
    const stream = await openJournalStream('os-agent', folder)
    stream?.write('x'.repeat(4 * 1024 * 1024))
    await stream?.close()
  })

  test('tells that there is no journal instead of failing', async () => {
    expect(await openJournalStream('hostshell', folder)).toBeUndefined()
  })
})
