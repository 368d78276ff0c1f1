// Reads a folder of a FAT12 or FAT16 file system out of a state, in this process: thousands of
// states a second. What it reads is compared with mtools on a part of them.

const ENTRY_BYTES = 32
const ATTRIBUTES = { volume: 0x08, folder: 0x10, longName: 0x0f } as const
const END = { fat12: 0xff8, fat16: 0xfff8 } as const
const CLUSTERS_FAT12_MAX = 4084

/** Reads bytes of the file system. */
export type FatRead = (at: number, length: number) => Uint8Array

interface Entry {
  readonly name: string
  readonly isFolder: boolean
  readonly cluster: number
  readonly sizeBytes: number
}

/**
 * Files of a folder by name; none where the folder cannot be found. A cut may leave an entry whose
 * clusters are marked free: the boot loader reads them, mtools takes such a file for empty.
 */
export function readFatFolder(
  read: FatRead,
  folder: string,
  reader: 'boot-loader' | 'mtools' = 'boot-loader',
): Map<string, Uint8Array> {
  const fat = openFat(read)
  let entries = fat.root()
  for (const part of folder.split('/')) {
    const next = entries.find(
      (each) => each.isFolder && each.name.toLowerCase() === part.toLowerCase(),
    )
    if (next === undefined) return new Map()
    entries = parseEntries(fat.chain(next.cluster).bytes)
  }
  const files = new Map<string, Uint8Array>()
  for (const { name, isFolder, cluster, sizeBytes } of entries) {
    if (isFolder) continue
    const { bytes, endsFree } = fat.chain(cluster)
    files.set(name, bytes.subarray(0, endsFree && reader === 'mtools' ? 0 : sizeBytes))
  }
  return files
}

function openFat(read: FatRead) {
  const boot = view(read(0, 512))
  const sectorBytes = boot.getUint16(11, true)
  const clusterBytes = boot.getUint8(13) * sectorBytes
  const fatStart = boot.getUint16(14, true) * sectorBytes
  const fatBytes = boot.getUint16(22, true) * sectorBytes
  const rootStart = fatStart + boot.getUint8(16) * fatBytes
  const rootBytes = boot.getUint16(17, true) * ENTRY_BYTES
  const dataStart = rootStart + rootBytes
  const sectors = boot.getUint16(19, true) || boot.getUint32(32, true)
  const clusters = Math.floor((sectors * sectorBytes - dataStart) / clusterBytes)
  const isFat12 = clusters <= CLUSTERS_FAT12_MAX
  const table = view(read(fatStart, fatBytes))

  function next(cluster: number): number {
    if (!isFat12) return table.getUint16(cluster * 2, true)
    const pair = table.getUint16(Math.floor(cluster * 1.5), true)
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4
  }

  return {
    root: () => parseEntries(read(rootStart, rootBytes)),
    chain(first: number): { readonly bytes: Uint8Array; readonly endsFree: boolean } {
      const parts: Uint8Array[] = []
      const end = isFat12 ? END.fat12 : END.fat16
      let at = first
      while (at >= 2 && at < end && at < clusters + 2 && parts.length <= clusters) {
        parts.push(read(dataStart + (at - 2) * clusterBytes, clusterBytes))
        at = next(at)
      }
      return { bytes: Buffer.concat(parts), endsFree: parts.length > 0 && at === 0 }
    },
  }
}

function parseEntries(bytes: Uint8Array): Entry[] {
  const entries: Entry[] = []
  let longName = ''
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const entry = bytes.subarray(at, at + ENTRY_BYTES)
    if (entry[0] === 0) break
    if (entry[0] === 0xe5) {
      longName = ''
      continue
    }
    const attributes = entry[11] ?? 0
    if (attributes === ATTRIBUTES.longName) {
      longName = longPart(entry) + longName
      continue
    }
    if ((attributes & ATTRIBUTES.volume) === 0)
      entries.push({
        name: longName === '' ? shortName(entry) : longName,
        isFolder: (attributes & ATTRIBUTES.folder) !== 0,
        cluster: view(entry).getUint16(26, true),
        sizeBytes: view(entry).getUint32(28, true),
      })
    longName = ''
  }
  return entries
}

function longPart(entry: Uint8Array): string {
  const units = [...range(1, 11), ...range(14, 26), ...range(28, 32)].map((at) =>
    view(entry).getUint16(at, true),
  )
  const end = units.findIndex((unit) => unit === 0 || unit === 0xffff)
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end)))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / 2 }, (_, index) => from + index * 2)
}

/** Bits 3 and 4 of byte 12: base and extension are in lower case. */
function shortName(entry: Uint8Array): string {
  const text = (from: number, to: number, isLower: boolean) => {
    const part = String.fromCharCode(...entry.subarray(from, to)).trimEnd()
    return isLower ? part.toLowerCase() : part
  }
  const flags = entry[12] ?? 0
  const extension = text(8, 11, (flags & 0x10) !== 0)
  const base = text(0, 8, (flags & 0x08) !== 0)
  return extension === '' ? base : `${base}.${extension}`
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
