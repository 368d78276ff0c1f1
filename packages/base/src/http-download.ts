// Downloads one file as a stream of bytes, each exactly once: a broken transport is resumed by
// range. Bounded in size, in time and in retries; the server is not trusted (threats T1 to T4).
// What the bytes are worth is decided by their digest, elsewhere.
import type { Clock } from './clock.ts'
import { OsError } from './errors.ts'
import { requestFile, type FileRequest, type FileResponse } from './http-download-request.ts'
import { readContentRange, sameFile, sizeOf } from './http-download-headers.ts'

/** Time without a byte after which a transport counts as broken, milliseconds. */
export const STALL_LIMIT_MS = 30_000
/** Slowest useful speed; with {@link EXTRA_TIME_MS} it gives the limit of the whole download. */
const SPEED_BYTES_PER_SECOND_MIN = 64 * 1024
const EXTRA_TIME_MS = 600_000
const CHUNK_BYTES_MAX = 1024 * 1024
/** Chunks are garbage as soon as they are written; left alone they pile up to 80 MB. */
const COLLECT_EVERY_BYTES = 16 * 1024 * 1024
/** Breaks in a row that brought less than {@link PROGRESS_BYTES_MIN}. */
const BREAKS_IN_A_ROW_MAX = 5
const BREAKS_MAX = 100
const PROGRESS_BYTES_MIN = 1024 * 1024
const BACK_OFF_FIRST_MS = 1000
const BACK_OFF_MAX_MS = 30_000

/** What to download, and how much at most. */
export interface HttpDownloadRequest extends Omit<FileRequest, 'offset' | 'validator'> {
  /** Bytes above which the file is refused. */
  readonly sizeBytesMax: number
  readonly clock: Clock
}

/** A running download. */
export interface HttpDownload {
  /** Bytes in total, when the server tells. */
  readonly sizeBytes?: number
  /** The bytes in order. Leaving the loop early ends the download. Chunks are at most 1 MiB. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * Asks for the file and checks the answer; the bytes flow when they are iterated.
 *
 * @throws {OsError} `invalid` for what the request or the server's file can never do, `transient`
 * for what a repeat may cure, `blocked`/`cancelled` when the signal aborts.
 */
export async function openHttpDownload(request: HttpDownloadRequest): Promise<HttpDownload> {
  const first = await requestFile(request)
  const sizeBytes = sizeOf(first.response)
  if (sizeBytes !== undefined && sizeBytes > request.sizeBytesMax) {
    first.drop()
    throw tooLarge(request.sizeBytesMax, sizeBytes)
  }
  const bytes = streamFile(request, first, sizeBytes)
  return sizeBytes === undefined ? { bytes } : { sizeBytes, bytes }
}

interface Position {
  offset: number
  breaks: number
  breaksInARow: number
  offsetAtBreak: number
}

async function* streamFile(
  request: HttpDownloadRequest,
  first: FileResponse,
  sizeBytes: number | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const at: Position = { offset: 0, breaks: 0, breaksInARow: 0, offsetAtBreak: 0 }
  const limitMs = timeLimitMs(sizeBytes ?? request.sizeBytesMax)
  const deadlineMs = request.clock.monotonicMs() + limitMs
  let current: FileResponse | undefined = first
  let skip = 0
  let garbageBytes = 0
  for (;;) {
    try {
      current ??= await resumeFile(request, first, at.offset, sizeBytes)
      skip = current.response.status === 206 ? 0 : at.offset
      for await (const chunk of readBody(current, request.clock, deadlineMs)) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - fresh.length
        at.offset += fresh.length
        garbageBytes += chunk.length
        if (garbageBytes >= COLLECT_EVERY_BYTES) {
          garbageBytes = 0
          Bun.gc(true)
        }
        if (at.offset > (sizeBytes ?? request.sizeBytesMax)) throw tooLarge(request.sizeBytesMax)
        yield* pieces(fresh)
      }
      if (sizeBytes === undefined || at.offset === sizeBytes) return
      throw broken(`the connection ended after ${at.offset} of ${sizeBytes} bytes`)
    } catch (error) {
      await waitAfterBreak(request, at, error, deadlineMs)
    } finally {
      current?.drop()
      current = undefined
    }
  }
}

async function resumeFile(
  request: HttpDownloadRequest,
  first: FileResponse,
  offset: number,
  sizeBytes: number | undefined,
): Promise<FileResponse> {
  if (offset === 0 && sizeBytes === undefined) return await requestFile(request)
  const next = await requestFile({ ...request, offset, validator: first.validator })
  const reason = faultOfResumed(next.response, first.response, offset, sizeBytes)
  if (reason === undefined) return next
  next.drop()
  throw new OsError('transient', {
    code: reason.code,
    message: `Cannot resume the download at byte ${offset}: ${reason.text}`,
    fields: { offset },
  })
}

/** Why the answer to a range request does not go on with the same file. */
function faultOfResumed(
  next: Response,
  first: Response,
  offset: number,
  sizeBytes: number | undefined,
): { code: string; text: string } | undefined {
  if (!sameFile(first, next))
    return { code: 'image-changed', text: 'the file on the server changed meanwhile; start again' }
  if (next.status === 200) {
    if (sizeOf(next) === sizeBytes) return undefined
    return { code: 'image-changed', text: 'the size of the file changed meanwhile; start again' }
  }
  const range = readContentRange(next)
  const isRight = range?.first === offset && range.last === (range.size ?? sizeBytes ?? 0) - 1
  if (isRight && (sizeBytes === undefined || range.size === undefined || range.size === sizeBytes))
    return undefined
  return { code: 'range-broken', text: 'the server answered with another range than asked for' }
}

/**
 * Body chunks; a silent transport becomes an error. The clock runs only while we wait for the
 * server.
 */
async function* readBody(
  file: FileResponse,
  clock: Clock,
  deadlineMs: number,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = file.response.body?.getReader()
  if (reader === undefined) return
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs()
    if (leftMs <= 0) throw tooSlow()
    const fault = leftMs < STALL_LIMIT_MS ? tooSlow() : stalled()
    const cancel = clock.schedule(Math.min(leftMs, STALL_LIMIT_MS), () => file.drop(fault))
    try {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    } catch (error) {
      throw file.explain(error)
    } finally {
      cancel()
    }
  }
}

async function waitAfterBreak(
  request: HttpDownloadRequest,
  at: Position,
  error: unknown,
  deadlineMs: number,
): Promise<void> {
  if (!(error instanceof OsError) || !isBreak(error)) throw error
  const hasProgress = at.offset - at.offsetAtBreak >= PROGRESS_BYTES_MIN
  at.breaksInARow = hasProgress ? 1 : at.breaksInARow + 1
  at.breaks += 1
  at.offsetAtBreak = at.offset
  if (at.breaksInARow > BREAKS_IN_A_ROW_MAX || at.breaks > BREAKS_MAX) throw error
  const delayMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** (at.breaksInARow - 1))
  if (request.clock.monotonicMs() + delayMs > deadlineMs) throw tooSlow()
  try {
    await request.clock.sleep(delayMs, request.signal)
  } catch (cause) {
    const message = 'Cannot finish the download: it was cancelled'
    throw new OsError('blocked', { code: 'cancelled', message, cause })
  }
}

/** Codes of a transport that may work when asked again from where it broke. */
const BREAK_CODES = new Set(['connection-broken', 'download-stalled', 'http-server-failed'])

function isBreak(error: OsError): boolean {
  return BREAK_CODES.has(error.code)
}

function* pieces(chunk: Uint8Array): Generator<Uint8Array, void, void> {
  for (let from = 0; from < chunk.length; from += CHUNK_BYTES_MAX)
    yield chunk.subarray(from, from + CHUNK_BYTES_MAX)
}

function timeLimitMs(sizeBytes: number): number {
  return (sizeBytes / SPEED_BYTES_PER_SECOND_MIN) * 1000 + EXTRA_TIME_MS
}

function broken(reason: string): OsError {
  return new OsError('transient', {
    code: 'connection-broken',
    message: `Cannot finish the download: ${reason}`,
  })
}

function stalled(): OsError {
  return new OsError('transient', {
    code: 'download-stalled',
    message: `Cannot finish the download: the server sent nothing for ${STALL_LIMIT_MS / 1000} s`,
  })
}

function tooSlow(): OsError {
  return new OsError('transient', {
    code: 'download-too-slow',
    message:
      'Cannot finish the download: it is slower than 64 KiB/s plus 10 min; use a nearer server',
  })
}

function tooLarge(sizeBytesMax: number, sizeBytes?: number): OsError {
  const size = sizeBytes === undefined ? 'more than announced' : `${sizeBytes} bytes`
  return new OsError('invalid', {
    code: 'image-too-large',
    message: `Cannot use the image: the server sends ${size}, and at most ${sizeBytesMax} bytes fit; make a smaller image`,
    fields: { sizeBytes, sizeBytesMax },
  })
}
