// Reads the headers of a tar while its bytes pass by, and refuses what must not be unpacked. Knows
// the forms that GNU tar writes and reads: ustar, PAX, GNU long names, and four of sparse files.
import { checkGlobalPax, parsePax, type PaxFacts } from './tar-pax.ts'
import {
  BLOCK_BYTES,
  damaged,
  decodeSparseBlock,
  decodeTarHeader,
  strictText,
  type TarHeader,
} from './tar-header.ts'
import { refuseMember, type TarMember } from './check-tar-entry.ts'
import { createTarTree, type TarTree } from './tar-tree.ts'

/** Records and long names are kept in memory until their member comes, bytes. */
const EXTRA_BYTES_MAX = 1024 * 1024
const TYPES: Readonly<Record<string, TarMember['type']>> = {
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
}

export interface TarInspector {
  /** Takes the next bytes; throws as soon as a member is refused. */
  take(bytes: Uint8Array): void
  /** Ends the tar; returns the names that must not be unpacked. */
  finish(): { readonly skipped: readonly string[] }
}

/** What stands before a member and belongs to it. */
interface Extras {
  name?: string
  linkname?: string
  pax?: PaxFacts
}

/** What the next bytes are. */
type Step =
  | { readonly kind: 'header' }
  | { readonly kind: 'content'; leftBytes: number }
  | { readonly kind: 'extra'; readonly flag: string; readonly sizeBytes: number }
  | { readonly kind: 'sparse-map'; readonly sizeBytes: number; readonly realBytes: number }
  | { readonly kind: 'end' }

/** An inspection on its way. */
interface Inspection {
  readonly tree: TarTree
  extras: Extras
  step: Step
  /** The beginning of what is needed whole: a header, a map, records. */
  kept: Uint8Array
}

/** Starts an inspection; the contents of all members together may have this size. */
export function createTarInspector(contentBytesMax: number): TarInspector {
  const state: Inspection = {
    tree: createTarTree(contentBytesMax),
    extras: {},
    step: { kind: 'header' },
    kept: new Uint8Array(0),
  }
  return {
    take(bytes) {
      let rest = bytes
      while (rest.length > 0) rest = advance(state, rest)
    },
    finish() {
      if (state.step.kind !== 'end') throw damaged('it ends in the midst')
      if (state.tree.members === 0) throw damaged('it is empty')
      return { skipped: state.tree.skipped }
    },
  }
}

/** Takes from the front what the step is about; returns the rest. */
function advance(state: Inspection, bytes: Uint8Array): Uint8Array {
  const { step } = state
  if (step.kind === 'end') {
    if (bytes.some((byte) => byte !== 0)) throw damaged('bytes follow its end')
    return bytes.subarray(bytes.length)
  }
  if (step.kind === 'content') {
    const length = Math.min(step.leftBytes, bytes.length)
    step.leftBytes -= length
    if (step.leftBytes === 0) state.step = { kind: 'header' }
    return bytes.subarray(length)
  }
  const wanted = step.kind === 'extra' ? padded(step.sizeBytes) : BLOCK_BYTES
  const length = Math.min(wanted - state.kept.length, bytes.length)
  state.kept = joined(state.kept, bytes.subarray(0, length))
  if (state.kept.length === wanted) {
    const block = state.kept
    state.kept = new Uint8Array(0)
    state.step = afterBlock(state, block)
  }
  return bytes.subarray(length)
}

function afterBlock(state: Inspection, block: Uint8Array): Step {
  const { step } = state
  if (step.kind === 'extra') {
    keepExtra(state.extras, step.flag, block.subarray(0, step.sizeBytes))
    return { kind: 'header' }
  }
  if (step.kind !== 'sparse-map') return afterHeader(state, block)
  if (decodeSparseBlock(block, step.realBytes)) return step
  return { kind: 'content', leftBytes: padded(step.sizeBytes) }
}

function afterHeader(state: Inspection, block: Uint8Array): Step {
  if (block.every((byte) => byte === 0)) {
    if (Object.keys(state.extras).length > 0) throw damaged('it ends before a member')
    return { kind: 'end' }
  }
  const header = decodeTarHeader(block)
  if ('xgLK'.includes(header.flag)) {
    if (header.sizeBytes > EXTRA_BYTES_MAX) throw damaged('the header of a member is too large')
    return { kind: 'extra', flag: header.flag, sizeBytes: header.sizeBytes }
  }
  const sizeBytes = state.extras.pax?.sizeBytes ?? header.sizeBytes
  state.tree.add(memberOf(header, state.extras, sizeBytes))
  state.extras = {}
  if (header.sparse?.hasMore)
    return { kind: 'sparse-map', sizeBytes, realBytes: header.sparse.realBytes }
  return { kind: 'content', leftBytes: padded(sizeBytes) }
}

function memberOf(
  header: TarHeader,
  { name, linkname, pax }: Extras,
  sizeBytes: number,
): TarMember {
  const path = pax?.sparse?.name ?? pax?.path ?? name ?? header.name
  const type = typeOf(header, path)
  const isPlain = type === 'file'
  if (!isPlain && (sizeBytes > 0 || pax?.sparse !== undefined))
    throw refuseMember(path, `it is a ${type} with content`)
  if (pax?.sparse !== undefined && header.flag === 'S')
    throw refuseMember(path, 'it is a sparse file in two forms')
  const isLink = type === 'link' || type === 'symlink'
  return {
    name: path,
    type,
    linkname: isLink ? (pax?.linkpath ?? linkname ?? header.linkname) : '',
    sizeBytes: Math.max(sizeBytes, pax?.sparse?.realBytes ?? 0, header.sparse?.realBytes ?? 0),
  }
}

function typeOf({ flag }: TarHeader, path: string): TarMember['type'] {
  const type = TYPES[flag]
  if (type === undefined) throw refuseMember(path, `its type ${JSON.stringify(flag)} is unknown`)
  // As folders were written before they had a type.
  return type === 'file' && path.endsWith('/') ? 'directory' : type
}

function keepExtra(extras: Extras, flag: string, bytes: Uint8Array): void {
  if (flag === 'g') {
    checkGlobalPax(bytes)
    return
  }
  const hasNames = extras.name !== undefined || extras.linkname !== undefined
  if (extras.pax !== undefined || (flag === 'x' && hasNames))
    throw damaged('a member has long names in two forms')
  if (flag === 'x') {
    extras.pax = parsePax(bytes)
    return
  }
  const key = flag === 'L' ? 'name' : 'linkname'
  if (extras[key] !== undefined) throw damaged('a member has two long names')
  const end = bytes.indexOf(0)
  if (end === -1 || bytes.subarray(end).some((byte) => byte !== 0))
    throw damaged('a long name is not ended')
  extras[key] = strictText(bytes.subarray(0, end))
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(left.length + right.length)
  all.set(left)
  all.set(right, left.length)
  return all
}
