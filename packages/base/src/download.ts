// Fetches one file of known digest. Nothing stays under its final name that was not checked.
import { OsError } from './errors.ts'
import { digestFile, removePath, renamePath } from './files.ts'

/** What to fetch. */
export interface DownloadRequest {
  readonly url: string
  readonly file: string
  /** SHA-256, lower-case hex. */
  readonly digest: string
  readonly signal?: AbortSignal
}

/**
 * Downloads and checks a file; it appears under its name when it is complete.
 *
 * @throws {OsError} kind `transient`, code `download-failed`, when the server does not give it;
 * kind `integrity`, code `download-digest-mismatch`, when it gives something else.
 */
export async function downloadFile(request: DownloadRequest): Promise<void> {
  const partial = `${request.file}.partial`
  try {
    await store(request, partial)
    const digest = await digestFile(partial)
    if (digest !== request.digest)
      throw new OsError('integrity', {
        code: 'download-digest-mismatch',
        message: `Cannot use ${request.url}: its SHA-256 is ${digest} instead of ${request.digest}`,
      })
    await renamePath(partial, request.file)
  } finally {
    await removePath(partial)
  }
}

async function store(request: DownloadRequest, file: string): Promise<void> {
  try {
    const signal = request.signal ?? null
    const response = await fetch(request.url, { signal })
    if (!response.ok) throw new Error(`the server answers ${response.status}`)
    await Bun.write(file, response)
  } catch (cause) {
    throw new OsError('transient', {
      code: 'download-failed',
      message: `Cannot fetch ${request.url}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
}
