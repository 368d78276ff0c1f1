// F-10: bytes that nobody promised, 10,000 for each reader of ours: the boot environment, journal
// records, file systems of images. A typed refusal or a value, nothing else, and never for long.
// (Partition tables are read by the kernel and sfdisk, tars are the inspector's own suite.)
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  GrubEnvironmentError,
  isGrubEnvironment,
  parseGrubEnvironment,
  renderGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { isOsError } from '@kubenest/base/errors'
import { randomOf } from '../../test/power-cut/sample-states.ts'
import { sha256Bytes } from '../linux/sha256.ts'
import { openExt4 } from './backends/ext4-reader.ts'
import { ext4Label, setExt4Label, SUPERBLOCK_START } from './backends/ext4-superblock.ts'
import {
  JOURNAL_RECORD_BYTES,
  newestRecord,
  parseJournalRecord,
  renderJournalRecord,
} from './update/journal-record.ts'
import { initialJournalState } from './update/journal-state.ts'

// A second or two on a quiet machine.
setDefaultTimeout(60_000)

const INPUTS = 10_000
const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_241_121)

/** Valid bytes with some of them changed, moved, cut off or repeated. */
function spoil(valid: Uint8Array, random: () => number): Uint8Array {
  const bytes = valid.slice()
  const changes = 1 + Math.floor(random() * 8)
  for (let change = 0; change < changes; change += 1) {
    const at = Math.floor(random() * bytes.length)
    const kind = random()
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256)
    else if (kind < 0.8) bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    else bytes.copyWithin(at, Math.floor(random() * bytes.length), at + Math.floor(random() * 64))
  }
  return random() < 0.1 ? bytes.slice(0, Math.floor(random() * bytes.length)) : bytes
}

describe('F-10 readers of bytes', () => {
  test('parseGrubEnvironment() gives variables or a typed error, as isGrubEnvironment() says', () => {
    const random = randomOf(SEED)
    const valid = renderGrubEnvironment(
      new Map([
        ['saved_entry', 'A'],
        ['next_entry', 'B\\ two'],
        ['kubenest_trial', crypto.randomUUID()],
      ]),
    )
    let [refused, contradictions] = [0, 0]
    for (let input = 0; input < INPUTS; input += 1) {
      const bytes = spoil(valid, random)
      try {
        parseGrubEnvironment(bytes)
        if (!isGrubEnvironment(bytes)) contradictions += 1
      } catch (error) {
        refused += 1
        if (!(error instanceof GrubEnvironmentError)) throw error
        if (isGrubEnvironment(bytes)) contradictions += 1
      }
    }
    expect(contradictions).toBe(0)
    expect(refused).toBeGreaterThan(INPUTS / 100)
    expect(refused).toBeLessThan(INPUTS)
  })

  test('parseJournalRecord() takes only what was written, whole', () => {
    const random = randomOf(SEED)
    const state = initialJournalState('A')
    const valid = renderJournalRecord(7, state, sha256Bytes) ?? new Uint8Array(0)
    // The rest of a record is zeros, which nothing protects and nobody reads.
    const used = 52 + new TextEncoder().encode(JSON.stringify(state)).length
    const content = valid.subarray(0, used)
    const bytes = new Uint8Array(JOURNAL_RECORD_BYTES)
    let taken = 0
    for (let input = 0; input < INPUTS; input += 1) {
      bytes.fill(0)
      bytes.set(spoil(content, random))
      const record = parseJournalRecord(bytes, sha256Bytes)
      const isSame = Buffer.from(bytes.subarray(0, used)).equals(content)
      if ((record.kind === 'valid') !== isSame) taken += 1
      if ((newestRecord([record, { kind: 'empty' }]) === undefined) === isSame) taken += 1
    }
    expect(taken).toBe(0)
  })

  test('openExt4() ends with a typed error or an answer for any file system', async () => {
    const random = randomOf(SEED)
    const valid = await makeTinyExt4()
    let refused = 0
    const start = performance.now()
    for (let input = 0; input < INPUTS; input += 1) {
      const bytes = spoilFileSystem(valid, random)
      try {
        const reader = await openExt4(async (position, length) =>
          bytes.slice(position, position + length),
        )
        await reader.sizeOf('/boot/vmlinuz')
        await reader.sizeOf('/etc/os-release')
      } catch (error) {
        refused += 1
        if (!isOsError(error) || error.kind !== 'integrity') throw error
      }
    }
    expect(refused).toBeGreaterThan(INPUTS / 100)
    expect(performance.now() - start).toBeLessThan(INPUTS * 5)
  })

  test('setExt4Label() leaves a label for any superblock, or a typed error', () => {
    const random = randomOf(SEED)
    const head = new Uint8Array(65_536)
    for (let input = 0; input < INPUTS; input += 1) {
      for (let at = SUPERBLOCK_START; at < SUPERBLOCK_START + 1024; at += 1)
        head[at] = Math.floor(random() * 256)
      head[SUPERBLOCK_START + 56] = 0x53
      head[SUPERBLOCK_START + 57] = 0xef
      try {
        setExt4Label(head, 'ROOT-B')
        if (ext4Label(head) !== 'ROOT-B') throw new Error(`input ${input} has another label`)
      } catch (error) {
        if (!isOsError(error)) throw error
      }
    }
  })
})

/** Where a reader looks: the superblock, the descriptors, the inodes, the folders. */
function spoilFileSystem(valid: Uint8Array, random: () => number): Uint8Array {
  const bytes = valid.slice()
  const reach = random() < 0.5 ? 8_192 : bytes.length
  const start = random() < 0.2 ? SUPERBLOCK_START : Math.floor(random() * reach)
  bytes.set(spoil(bytes.subarray(start, Math.min(bytes.length, start + 4_096)), random), start)
  return bytes
}

async function makeTinyExt4(): Promise<Uint8Array> {
  const { mkdtemp, mkdir, readFile, rm, writeFile } = await import('node:fs/promises')
  const folder = await mkdtemp('/tmp/tiny-ext4-')
  try {
    for (const name of ['boot', 'etc']) await mkdir(`${folder}/root/${name}`, { recursive: true })
    await writeFile(`${folder}/root/boot/vmlinuz`, 'kernel')
    await writeFile(`${folder}/root/etc/os-release`, 'PRETTY_NAME=x\n')
    const image = `${folder}/image`
    const options = ['-q', '-t', 'ext4', '-b', '1024', '-N', '32', '-O', '^has_journal']
    const made = Bun.spawnSync(['mke2fs', ...options, '-d', `${folder}/root`, image, '256k'])
    if (made.exitCode !== 0) throw new Error(made.stderr.toString())
    return new Uint8Array(await readFile(image))
  } finally {
    await rm(folder, { recursive: true })
  }
}
