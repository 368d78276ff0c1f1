// The least that any tool must do to get an image from a server into a slot and be sure of it:
// receive, unpack, write, flush, read back past the cache, hash. With programs of the system.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'

const MIB = 1024 * 1024
const BLOCK_MIB = 4

/** An image on a server and the file that stands for the slot. */
export interface FloorRequest {
  readonly url: string
  readonly file: string
  /** Bytes of the slot that the image fills; whole blocks of 4 MiB. */
  readonly slotBytes: number
  readonly isCompressed: boolean
}

/** Seconds that it takes. */
export async function floorSeconds(request: FloorRequest): Promise<number> {
  const { url, file, slotBytes, isCompressed } = request
  // Pipes with names, so that bytes go from program to program and not through this process.
  const [wire, plain] = [`${file}.wire`, `${file}.plain`]
  if (spawnSync('mkfifo', [wire, plain]).status !== 0) throw new Error('Cannot make pipes')
  const block = `bs=${BLOCK_MIB}M`
  const write = [`of=${file}`, block, 'iflag=fullblock', 'conv=fdatasync,notrunc', 'status=none']
  const startMs = performance.now()
  await Promise.all([
    run(['curl', '--silent', '--fail', '--output', wire, url]),
    ...(isCompressed ? [run(['zstd', '-d', '-q', '-f', '--no-sparse', '-o', plain, wire])] : []),
    run(['dd', `if=${isCompressed ? plain : wire}`, ...write]),
  ])
  const count = `count=${slotBytes / MIB / BLOCK_MIB}`
  await Promise.all([
    run(['dd', `if=${file}`, `of=${wire}`, block, count, 'iflag=direct', 'status=none']),
    run(['openssl', 'dgst', '-sha256', wire]),
  ])
  return (performance.now() - startMs) / 1000
}

/** The same for a tar: unpacked into a new file system in place of `dd`. */
export async function tarFloorSeconds(url: string, file: string): Promise<number> {
  const [wire, place] = [`${file}.wire`, `${file}.place`]
  fs.mkdirSync(place)
  if (spawnSync('mkfifo', [wire]).status !== 0) throw new Error('Cannot make a pipe')
  const startMs = performance.now()
  await run(['mkfs.ext4', '-F', '-q', file])
  await run(['mount', '-o', 'loop', file, place])
  try {
    await Promise.all([
      run(['curl', '--silent', '--fail', '--output', wire, url]),
      run(['tar', '--extract', '--numeric-owner', '--file', wire, '--directory', place]),
    ])
    await run(['sync', '--file-system', place])
  } finally {
    await run(['umount', place])
  }
  await Promise.all([
    run(['dd', `if=${file}`, `of=${wire}`, 'bs=4M', 'iflag=direct', 'status=none']),
    run(['openssl', 'dgst', '-sha256', wire]),
  ])
  return (performance.now() - startMs) / 1000
}

async function run(argv: string[]): Promise<void> {
  const code = await Bun.spawn(argv, { stdio: ['ignore', 'ignore', 'inherit'] }).exited
  if (code !== 0) throw new Error(`Cannot run ${argv.join(' ')}: it exited with ${code}`)
}
