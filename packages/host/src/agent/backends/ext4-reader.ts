// Reads single files of an ext4 file system without mounting it: what we must know about a slot
// before it may boot. Read-only and small on purpose: extents, directories, links. It never trusts
// a number from the disk for an allocation beyond its caps.
import { OsError } from '@kubenest/base/errors'
import { isExt4, SUPERBLOCK_BYTES, SUPERBLOCK_START } from './ext4-superblock.ts'

/** Reads exactly `length` bytes at `position`, or fewer at the end. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>

export interface Ext4Reader {
  /**
   * Up to `bytesMax` first bytes of a file; `undefined` when it does not exist. Links are followed
   * inside.
   */
  readFile(path: string, bytesMax: number): Promise<Uint8Array | undefined>
  /** Bytes of a file in order, in pieces; nothing when it does not exist. */
  streamFile(path: string): AsyncGenerator<Uint8Array>
  /** Size of a regular file; `undefined` when there is none. */
  sizeOf(path: string): Promise<number | undefined>
}

interface Geometry {
  readonly readAt: ReadAt
  readonly blockBytes: number
  readonly inodesPerGroup: number
  readonly inodeBytes: number
  readonly descriptorBytes: number
  readonly descriptorsAt: number
}

interface Inode {
  readonly mode: number
  readonly sizeBytes: number
  readonly hasExtents: boolean
  /** The 60 bytes of block pointers, extents or link text. */
  readonly body: Uint8Array
}

interface Extent {
  readonly firstBlock: number
  readonly blocks: number
  readonly startBlock: number
  readonly isWritten: boolean
}

const ROOT_INODE = 2
const DIRECTORY = 0x4000
const REGULAR = 0x8000
const LINK = 0xa000
const EXTENTS_FLAG = 0x80000
const LINKS_MAX = 16
const EXTENT_DEPTH_MAX = 5
/** A tree that points at itself must not be walked for ever. */
const EXTENT_NODES_MAX = 10_000
const DIRECTORY_BYTES_MAX = 16 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024

/** Opens a file system; refuses what is not ext4 with a 64-bit-safe geometry. */
export async function openExt4(readAt: ReadAt): Promise<Ext4Reader> {
  const geometry = await readGeometry(readAt)
  const find = async (path: string) => findInode(geometry, path)
  return {
    async readFile(path, bytesMax) {
      const inode = await find(path)
      if (inode === undefined || kindOf(inode) !== REGULAR) return undefined
      return readRange(geometry, inode, 0, Math.min(bytesMax, inode.sizeBytes))
    },
    async *streamFile(path) {
      const inode = await find(path)
      if (inode === undefined || kindOf(inode) !== REGULAR) return
      for (let at = 0; at < inode.sizeBytes; at += PIECE_BYTES)
        yield await readRange(geometry, inode, at, Math.min(PIECE_BYTES, inode.sizeBytes - at))
    },
    async sizeOf(path) {
      const inode = await find(path)
      return inode !== undefined && kindOf(inode) === REGULAR ? inode.sizeBytes : undefined
    },
  }
}

async function readGeometry(readAt: ReadAt): Promise<Geometry> {
  const head = await readAt(0, SUPERBLOCK_START + SUPERBLOCK_BYTES)
  if (!isExt4(head)) throw damaged('it has no superblock')
  const view = new DataView(head.buffer, head.byteOffset + SUPERBLOCK_START, SUPERBLOCK_BYTES)
  const logBlock = view.getUint32(24, true)
  if (logBlock > 6) throw damaged(`its block size is 2^${10 + logBlock}`)
  const blockBytes = 1024 << logBlock
  const is64Bit = (view.getUint32(96, true) & 0x80) !== 0
  const descriptorBytes = is64Bit ? view.getUint16(254, true) : 32
  const inodeBytes = view.getUint16(88, true)
  const inodesPerGroup = view.getUint32(40, true)
  if (inodeBytes < 128 || inodeBytes > blockBytes || inodesPerGroup === 0 || descriptorBytes < 32)
    throw damaged('its geometry is impossible')
  const descriptorsAt = (view.getUint32(20, true) + 1) * blockBytes
  const rest = { blockBytes, inodesPerGroup, inodeBytes, descriptorBytes, descriptorsAt }
  return { readAt: exactly(readAt), ...rest }
}

/** What the file system points at must be there, whole. */
function exactly(readAt: ReadAt): ReadAt {
  return async (position, length) => {
    const bytes = Number.isSafeInteger(position) ? await readAt(position, length) : undefined
    if (bytes?.length !== length) throw damaged('it points behind its end')
    return bytes
  }
}

async function findInode(geometry: Geometry, path: string): Promise<Inode | undefined> {
  let pending = namesOf(path)
  let folders: Inode[] = [await readInode(geometry, ROOT_INODE)]
  for (let links = 0; ;) {
    const name = pending.shift()
    const here = folders.at(-1)
    if (here === undefined || name === undefined) return here
    if (name === '..') {
      folders = folders.slice(0, Math.max(1, folders.length - 1))
      continue
    }
    const number = await lookUp(geometry, here, name)
    if (number === undefined) return undefined
    const inode = await readInode(geometry, number)
    if (kindOf(inode) !== LINK) {
      folders = [...folders, inode]
      continue
    }
    links += 1
    if (links > LINKS_MAX) return undefined
    const target = await readLink(geometry, inode)
    if (target.startsWith('/')) folders = folders.slice(0, 1)
    pending = [...namesOf(target), ...pending]
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

async function lookUp(
  geometry: Geometry,
  folder: Inode,
  name: string,
): Promise<number | undefined> {
  if (kindOf(folder) !== DIRECTORY) return undefined
  const bytes = await readRange(
    geometry,
    folder,
    0,
    Math.min(folder.sizeBytes, DIRECTORY_BYTES_MAX),
  )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder()
  for (let at = 0; at + 8 <= bytes.length;) {
    const number = view.getUint32(at, true)
    const recordBytes = view.getUint16(at + 4, true)
    const nameBytes = view.getUint8(at + 6)
    if (recordBytes < 8) throw damaged('a directory entry has no length')
    if (number !== 0 && decoder.decode(bytes.subarray(at + 8, at + 8 + nameBytes)) === name)
      return number
    at += recordBytes
  }
  return undefined
}

async function readLink(geometry: Geometry, inode: Inode): Promise<string> {
  if (inode.sizeBytes > 4096) throw damaged('a link is longer than a path may be')
  const bytes = inode.hasExtents
    ? await readRange(geometry, inode, 0, inode.sizeBytes)
    : inode.body.subarray(0, Math.min(inode.sizeBytes, inode.body.length))
  return new TextDecoder().decode(bytes)
}

async function readInode(geometry: Geometry, number: number): Promise<Inode> {
  const group = Math.floor((number - 1) / geometry.inodesPerGroup)
  const at = geometry.descriptorsAt + group * geometry.descriptorBytes
  const descriptor = viewOf(await geometry.readAt(at, geometry.descriptorBytes))
  const low = descriptor.getUint32(8, true)
  const high = geometry.descriptorBytes >= 64 ? descriptor.getUint32(40, true) : 0
  const table = (high * 2 ** 32 + low) * geometry.blockBytes
  const index = (number - 1) % geometry.inodesPerGroup
  const bytes = await geometry.readAt(table + index * geometry.inodeBytes, 128)
  const view = viewOf(bytes)
  return {
    mode: view.getUint16(0, true),
    sizeBytes: view.getUint32(108, true) * 2 ** 32 + view.getUint32(4, true),
    hasExtents: (view.getUint32(32, true) & EXTENTS_FLAG) !== 0,
    body: bytes.slice(40, 100),
  }
}

function kindOf(inode: Inode): number {
  return inode.mode & 0xf000
}

async function readRange(
  geometry: Geometry,
  inode: Inode,
  position: number,
  length: number,
): Promise<Uint8Array> {
  if (!inode.hasExtents) throw damaged('a file is stored without extents')
  const result = new Uint8Array(length)
  for (const extent of await readExtents(geometry, inode.body, 0, { nodes: 0 })) {
    const from = Math.max(position, extent.firstBlock * geometry.blockBytes)
    const to = Math.min(
      position + length,
      (extent.firstBlock + extent.blocks) * geometry.blockBytes,
    )
    if (from >= to || !extent.isWritten) continue
    const at =
      extent.startBlock * geometry.blockBytes + from - extent.firstBlock * geometry.blockBytes
    result.set(await geometry.readAt(at, to - from), from - position)
  }
  return result
}

async function readExtents(
  geometry: Geometry,
  node: Uint8Array,
  level: number,
  walked: { nodes: number },
): Promise<Extent[]> {
  const view = viewOf(node)
  const depth = view.getUint16(6, true)
  const entries = view.getUint16(2, true)
  if (
    view.getUint16(0, true) !== 0xf30a ||
    level > EXTENT_DEPTH_MAX ||
    (walked.nodes += 1) > EXTENT_NODES_MAX ||
    12 + entries * 12 > node.length
  )
    throw damaged('an extent tree is broken')
  const result: Extent[] = []
  for (let entry = 0; entry < entries; entry += 1) {
    const at = 12 + entry * 12
    if (depth > 0) {
      const block = view.getUint16(at + 8, true) * 2 ** 32 + view.getUint32(at + 4, true)
      const child = await geometry.readAt(block * geometry.blockBytes, geometry.blockBytes)
      result.push(...(await readExtents(geometry, child, level + 1, walked)))
      continue
    }
    const length = view.getUint16(at + 4, true)
    result.push({
      firstBlock: view.getUint32(at, true),
      blocks: length > 32_768 ? length - 32_768 : length,
      isWritten: length <= 32_768,
      startBlock: view.getUint16(at + 6, true) * 2 ** 32 + view.getUint32(at + 8, true),
    })
  }
  return result
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function damaged(reason: string): OsError {
  return new OsError('integrity', {
    code: 'file-system-damaged',
    message: `Cannot read the file system of the slot: ${reason}`,
  })
}
