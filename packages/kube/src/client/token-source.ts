// The bearer token. Kubernetes rotates a service account's token in its file, so the file is read
// again at least each minute, and at once when the server refused the token.
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import type { KubeConfig } from './kube-config.ts'

const REREAD_MS = 60_000

/** Gives the token to send; `undefined` when none is configured. */
export interface TokenSource {
  current(): Promise<string | undefined>
  /** Forgets what was read. @returns whether a fresh read may give another token */
  refuse(): boolean
}

/** Makes the {@link TokenSource} of a connection. */
export function createTokenSource(config: KubeConfig, clock: Clock): TokenSource {
  const { token, tokenFile } = config
  if (tokenFile === undefined) return { current: async () => token, refuse: () => false }
  let kept: { readonly text: string; readonly readMs: number } | undefined
  return {
    current: async () => {
      const nowMs = clock.monotonicMs()
      if (kept === undefined || nowMs - kept.readMs >= REREAD_MS)
        kept = { text: await readToken(tokenFile), readMs: nowMs }
      return kept.text
    },
    refuse: () => {
      kept = undefined
      return true
    },
  }
}

async function readToken(file: string): Promise<string> {
  const text = (await readText(file))?.trim() ?? ''
  if (text !== '') return text
  throw new OsError('blocked', {
    code: 'kube-unauthorized',
    message: `Cannot log in to the API server: the token file ${file} is missing or empty`,
    fields: { file },
  })
}
