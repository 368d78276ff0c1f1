// Reads the headers of a tar while its bytes pass by, and refuses bad members before anything is
// unpacked.
import { OsError, toOsError } from '@kubenest/base/errors'
import { extract, type Header } from 'tar-stream'
import { checkTarMember } from './check-tar-entry.ts'

/** Caps against a tar that is built to exhaust the node. */
const MEMBERS_MAX = 2_000_000

export interface TarInspector {
  /** Takes the next bytes; throws as soon as a member is refused. */
  take(bytes: Uint8Array): Promise<void>
  /** Ends the tar; returns the names that must not be unpacked. */
  finish(): Promise<{ readonly skipped: readonly string[] }>
}

/** Starts an inspection; the contents of all members together may have this size. */
export function createTarInspector(contentBytesMax: number): TarInspector {
  const parser = extract()
  const skipped: string[] = []
  const ended = Promise.withResolvers<void>()
  let [members, contentBytes] = [0, 0]
  const state: { failure?: OsError } = {}

  function assertSound(): void {
    if (state.failure !== undefined) throw state.failure
  }

  function look(header: Header): void {
    members += 1
    contentBytes += header.size ?? 0
    if (members > MEMBERS_MAX) throw tooMuch(`it has more than ${MEMBERS_MAX} members`)
    if (contentBytes > contentBytesMax)
      throw tooMuch(`its content exceeds the slot's ${contentBytesMax} bytes`)
    const verdict = checkTarMember({
      name: header.name,
      type: header.type ?? 'file',
      linkname: header.linkname ?? undefined,
      sizeBytes: header.size ?? 0,
    })
    if (verdict === 'skip') skipped.push(header.name)
  }

  parser.on('entry', (header, stream, next) => {
    try {
      look(header)
    } catch (error) {
      state.failure = toOsError(error)
      parser.destroy(state.failure)
      return
    }
    // A tar that ends inside a member breaks the member's stream, too.
    stream.on('error', (cause) => {
      state.failure ??= damaged(cause)
    })
    stream.resume()
    next()
  })
  parser.on('error', (cause: unknown) => {
    state.failure ??= damaged(cause)
    ended.resolve()
  })
  parser.on('finish', () => ended.resolve())

  return {
    async take(bytes) {
      assertSound()
      // A copy: the parser may keep the bytes of a header that is not complete yet.
      const isReady = parser.write(Buffer.from(bytes))
      if (!isReady) await Promise.race([drained(parser), ended.promise])
      assertSound()
    },
    async finish() {
      parser.end(undefined)
      await ended.promise
      assertSound()
      if (members === 0) throw damaged(undefined)
      return { skipped }
    },
  }
}

function drained(parser: ReturnType<typeof extract>): Promise<void> {
  return new Promise((resolve) => {
    parser.once('drain', () => resolve())
  })
}

function tooMuch(reason: string): OsError {
  return new OsError('invalid', {
    code: 'image-too-large',
    message: `Cannot use the image: ${reason}; build it with a smaller root`,
  })
}

function damaged(cause: unknown): OsError {
  return new OsError('integrity', {
    code: 'image-damaged',
    message: 'Cannot use the image: it is not a complete tar; publish it again',
    cause,
  })
}
