// The node's memory across reboots: two alternating records in one file, overwritten in place,
// flushed. One change at a time, under a lock that the kernel releases with its owner: the agent,
// the trial units and a person's command may all be running.
import {
  ensureDirectory,
  readBytes,
  removeLeftovers,
  replaceFile,
  stat,
} from '@kubenest/base/files'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import { tryLockFile } from '../../linux/file-lock.ts'
import type { RawFile, RawFiles } from '../../linux/raw-file.ts'
import type { Clock } from '@kubenest/base/clock'
import { sha256Bytes } from '../../linux/sha256.ts'
import {
  JOURNAL_RECORD_BYTES,
  newestRecord,
  parseJournalRecord,
  renderJournalRecord,
  type JournalRecord,
} from './journal-record.ts'
import type { JournalState } from './journal-state.ts'

const LOCK_WAIT_MS = 10_000
const LOCK_LOOK_MS = 20

export interface Journal {
  /** The newest valid state; `undefined` on a node without a journal. */
  read(): Promise<JournalState | undefined>
  /** Changes the state; `initial` is used when there is none. Durable when it resolves. */
  change(
    initial: JournalState,
    change: (state: JournalState) => JournalState,
  ): Promise<JournalState>
}

export interface JournalDeps {
  /** Real path of the folder, on the persist partition. */
  readonly folder: string
  readonly rawFiles: RawFiles
  readonly clock: Clock
  readonly log: Logger
}

/** Makes the journal of a folder; touches nothing before it is used. */
export function createJournal(deps: JournalDeps): Journal {
  const file = `${deps.folder}/journal`
  // Sequence number of the record that we know to be on the medium.
  let flushed = 0
  return {
    read: async () => newestRecord(await readRecords(file))?.state,
    change: (initial, change) =>
      withLock(deps, async () => {
        const records = await readRecords(file)
        await keepBroken(deps, file, records)
        const newest = newestRecord(records)
        const next = change(structuredClone(newest?.state ?? initial))
        // A record of a killed program may be read and not be on the medium. It must be, before the
        // older one is overwritten: a cut could take both.
        if (newest !== undefined && newest.sequence !== flushed) await flush(deps, file)
        const sequence = (newest?.sequence ?? 0) + 1
        await append(deps, file, records, sequence, next)
        flushed = sequence
        return next
      }),
  }
}

async function readRecords(file: string): Promise<JournalRecord[]> {
  const bytes = (await readBytes(file)) ?? new Uint8Array(0)
  return [0, 1].map((place) => {
    const start = place * JOURNAL_RECORD_BYTES
    return parseJournalRecord(bytes.subarray(start, start + JOURNAL_RECORD_BYTES), sha256Bytes)
  })
}

/** The place that is overwritten is never that of the newest valid record. */
async function append(
  deps: JournalDeps,
  file: string,
  records: readonly JournalRecord[],
  sequence: number,
  state: JournalState,
): Promise<void> {
  const record = renderJournalRecord(sequence, state, sha256Bytes)
  if (record === undefined)
    throw new OsError('bug', {
      code: 'journal-full',
      message: `Cannot write the journal: its state exceeds ${JOURNAL_RECORD_BYTES} bytes`,
    })
  if ((await stat(file))?.sizeBytes !== 2 * JOURNAL_RECORD_BYTES) await createFile(file, records)
  const newest = newestRecord(records)
  const place = newest !== undefined && records[0] === newest ? 1 : 0
  const position = place * JOURNAL_RECORD_BYTES
  const handle = await deps.rawFiles.open(file, { access: 'write' })
  try {
    await handle.write(record, position)
    await handle.sync()
    await verify(file, handle, record, position)
  } catch (error) {
    await withdraw(deps, handle, position)
    throw error
  } finally {
    await handle.close()
  }
}

/** A record that may not be on the medium must not be read either: the older one counts. */
async function withdraw(deps: JournalDeps, handle: RawFile, position: number): Promise<void> {
  try {
    await handle.write(new Uint8Array(JOURNAL_RECORD_BYTES), position)
    await handle.sync()
  } catch (cause) {
    deps.log.warn('a failed journal record could not be withdrawn', {
      reason: toOsError(cause).message,
    })
  }
}

async function flush(deps: JournalDeps, file: string): Promise<void> {
  const handle = await deps.rawFiles.open(file, { access: 'read' })
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function verify(
  file: string,
  handle: RawFile,
  record: Uint8Array,
  position: number,
): Promise<void> {
  const back = new Uint8Array(record.length)
  await handle.read(back, position)
  if (!back.every((byte, at) => byte === record[at]))
    throw new OsError('host', {
      code: 'journal-not-written',
      message: `Cannot write the journal ${file}: what was read back differs; check the disk`,
    })
}

/**
 * The whole size exists before the first record, so that no later write changes the file's length.
 */
async function createFile(file: string, records: readonly JournalRecord[]): Promise<void> {
  const content = new Uint8Array(2 * JOURNAL_RECORD_BYTES)
  for (const [place, record] of records.entries()) {
    if (record.kind !== 'valid') continue
    const bytes = renderJournalRecord(record.sequence, record.state, sha256Bytes)
    if (bytes !== undefined) content.set(bytes, place * JOURNAL_RECORD_BYTES)
  }
  await removeLeftovers(file)
  await replaceFile(file, content, 0o600)
}

async function keepBroken(
  deps: JournalDeps,
  file: string,
  records: readonly JournalRecord[],
): Promise<void> {
  if (!records.some((record) => record.kind === 'broken')) return
  const bytes = await readBytes(file)
  if (bytes === undefined) return
  deps.log.warn('a journal record is broken; the other one counts', {
    usable: newestRecord(records) !== undefined,
  })
  try {
    await removeLeftovers(`${file}.broken`)
    await replaceFile(`${file}.broken`, bytes, 0o600)
  } catch (cause) {
    // A copy for people: without room for it the journal must still go on.
    deps.log.warn('the broken journal could not be kept', { reason: toOsError(cause).message })
  }
}

async function withLock<T>(deps: JournalDeps, task: () => Promise<T>): Promise<T> {
  await ensureDirectory(deps.folder, 0o700)
  const giveUpMs = deps.clock.monotonicMs() + LOCK_WAIT_MS
  for (;;) {
    const lock = await tryLockFile(`${deps.folder}/journal.lock`)
    if (lock !== undefined) {
      try {
        return await task()
      } finally {
        await lock.release()
      }
    }
    if (deps.clock.monotonicMs() > giveUpMs)
      throw new OsError('blocked', {
        code: 'journal-locked',
        message: `Cannot change the journal: another process has held its lock for ${LOCK_WAIT_MS} ms`,
      })
    await deps.clock.sleep(LOCK_LOOK_MS)
  }
}
