// The journal's file: two places, broken records, writers that are killed, writers that meet.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createJournal, type Journal } from '../../src/agent/update/journal.ts'
import { JOURNAL_RECORD_BYTES } from '../../src/agent/update/journal-record.ts'
import { initialJournalState } from '../../src/agent/update/journal-state.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'

let folder = ''
let journal: Journal
let warnings: string[] = []
const start = initialJournalState('A')

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'journal-'))
  warnings = []
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  journal = createJournal({ folder, rawFiles: systemRawFiles, clock: systemClock, log })
})
afterEach(() => fs.rm(folder, { recursive: true }))

function count(): Promise<unknown> {
  return journal.change(start, (state) => ({
    ...state,
    tries: [
      {
        digest: 'd',
        version: 'v',
        tries: (state.tries[0]?.tries ?? 0) + 1,
        failures: 0,
        allowed: 0,
        tokens: [],
      },
    ],
  }))
}

async function tries(): Promise<number | undefined> {
  return (await journal.read())?.tries[0]?.tries
}

describe('createJournal()', () => {
  test('createJournal() alternates between two places and never changes the size', async () => {
    const file = path.join(folder, 'journal')
    await count()
    const first = await fs.readFile(file)
    await count()
    const second = await fs.readFile(file)
    expect([first.length, second.length]).toEqual([65_536, 65_536])
    const places = [0, JOURNAL_RECORD_BYTES].map((at) =>
      first
        .subarray(at, at + JOURNAL_RECORD_BYTES)
        .equals(second.subarray(at, at + JOURNAL_RECORD_BYTES)),
    )
    expect(places.filter(Boolean).length).toBe(1)
    expect(await tries()).toBe(2)
  })

  test('createJournal() goes on with the older record when the newer is broken, and keeps a copy', async () => {
    for (let index = 0; index < 4; index += 1) await count()
    const file = path.join(folder, 'journal')
    const bytes = await fs.readFile(file)
    const newest = [0, 1].find((place) =>
      bytes
        .subarray(place * JOURNAL_RECORD_BYTES, (place + 1) * JOURNAL_RECORD_BYTES)
        .includes('"tries":4'),
    )
    const at = (newest ?? 0) * JOURNAL_RECORD_BYTES + 60
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await fs.writeFile(file, bytes)
    expect(await tries()).toBe(3)
    await count()
    expect(await tries()).toBe(4)
    expect(warnings).toEqual(['a journal record is broken; the other one counts'])
    expect((await fs.readFile(`${file}.broken`)).equals(bytes)).toBe(true)
  })

  test('createJournal() goes on when the copy of a broken record cannot be kept', async () => {
    for (let index = 0; index < 2; index += 1) await count()
    const file = path.join(folder, 'journal')
    const bytes = await fs.readFile(file)
    bytes[60] = (bytes[60] ?? 0) ^ 1
    await fs.writeFile(file, bytes)
    // A folder that is not empty cannot be replaced by a file.
    await fs.mkdir(`${file}.broken/x`, { recursive: true })
    await count()
    expect(await tries()).toBeGreaterThanOrEqual(2)
    expect(warnings).toContain('the broken journal could not be kept')
  })

  test('createJournal() begins anew when nothing is readable', async () => {
    await fs.writeFile(path.join(folder, 'journal'), new Uint8Array(70_000).fill(0x55))
    expect(await journal.read()).toBeUndefined()
    await count()
    expect(await tries()).toBe(1)
  })

  test('createJournal() loses no change when several writers meet', async () => {
    await Promise.all(Array.from({ length: 12 }, count))
    expect(await tries()).toBe(12)
  })

  test('createJournal() survives writers that are killed at any moment', async () => {
    const script = path.join(import.meta.dir, 'count-for-ever.ts')
    for (let round = 0; round < 5; round += 1) {
      const before = (await tries()) ?? 0
      const child = Bun.spawn([process.execPath, script, folder], { stdout: 'pipe' })
      let seen = 0
      for await (const chunk of child.stdout) {
        seen += chunk.length
        if (seen >= 20 + round * 7) break
      }
      child.kill('SIGKILL')
      await child.exited
      expect((await tries()) ?? 0).toBeGreaterThanOrEqual(before + 20 + round * 7 - 1)
      await count()
    }
  }, 30_000)
})
