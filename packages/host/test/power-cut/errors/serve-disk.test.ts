// QEMU's own client speaks to the server: what it reads, writes and flushes, and what fails.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import type { BlockDevice } from './faulty-disk.ts'
import { serveDisk } from './serve-disk.ts'

const MIB = 1024 * 1024
let folder = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'serve-disk-'))
})
afterAll(() => fs.rm(folder, { recursive: true }))

/** Runs commands of qemu-io against a disk; resolves with all that it says, and its exit code. */
async function ask(disk: BlockDevice, ...commands: readonly string[]): Promise<string> {
  const socketPath = path.join(folder, `${crypto.randomUUID()}.sock`)
  const server = await serveDisk(socketPath, disk)
  try {
    const words = commands.flatMap((command) => ['-c', command])
    const url = `nbd+unix:///?socket=${socketPath}`
    // Without a cache mode it would hold back what it is to write.
    const argv = ['qemu-io', '-f', 'raw', '-t', 'none', ...words, url] as const
    const result = await systemExec.run({ argv: [...argv], timeoutMs: 20_000 })
    return `${result.stdout}${result.stderr}exit ${result.exitCode}`
  } finally {
    await server.stop()
  }
}

function memoryDisk(changes: Partial<BlockDevice> = {}) {
  const bytes = new Uint8Array(4 * MIB)
  const done: string[] = []
  const disk: BlockDevice = {
    sizeBytes: bytes.length,
    read: (at, length) => bytes.slice(at, at + length),
    write(at, data) {
      bytes.set(data, at)
      done.push(`write ${at} ${data.length}`)
      return true
    },
    flush() {
      done.push('flush')
      return true
    },
    delayMs: () => 0,
    ...changes,
  }
  return { disk, bytes, done }
}

describe('serveDisk()', () => {
  test('reads and writes at offsets, pieces above those of a socket among them', async () => {
    const { disk, bytes, done } = memoryDisk({ delayMs: () => 2 })
    const said = await ask(
      disk,
      'write -P 5 4096 1M',
      'flush',
      'read -P 5 4096 1M',
      'read -P 0 0 4k',
    )
    expect(said).not.toMatch(/fail|error|verif/i)
    expect(done.slice(0, 2)).toEqual([`write 4096 ${MIB}`, 'flush'])
    expect([bytes[4095], bytes[4096], bytes[4095 + MIB], bytes[4096 + MIB]]).toEqual([0, 5, 5, 0])
  })

  test('tells errors of the medium, one kind at a time', async () => {
    const commands = ['read 0 4k', 'write 0 4k', 'flush'] as const
    const noRead = await ask(memoryDisk({ read: () => undefined }).disk, ...commands)
    expect(noRead).toMatch(/read failed: Input\/output error/)
    expect(noRead).toMatch(/wrote 4096\/4096/)
    const noWrite = await ask(memoryDisk({ write: () => false }).disk, ...commands)
    expect(noWrite).toMatch(/read 4096\/4096/)
    expect(noWrite).toMatch(/write failed: Input\/output error/)
    const { disk, done } = memoryDisk({ flush: () => false })
    const noFlush = await ask(disk, ...commands)
    expect(done).toContain('write 0 4096')
    expect(noFlush).not.toMatch(/read failed|write failed/)
    // It prints nothing of a flush.
    expect(noFlush).toContain('exit 1')
    expect(await ask(memoryDisk().disk, 'flush')).toContain('exit 0')
  })
})
