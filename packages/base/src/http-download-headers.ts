// What a download reads from response headers. Pure; nothing a server writes here is believed
// without a check.

/** A range as a server states it; `size` is missing for `*`. */
export interface ContentRange {
  readonly first: number
  readonly last: number
  readonly size: number | undefined
}

/** Content-Length of a complete file, when it is stated. */
export function sizeOf(response: Response): number | undefined {
  const text = response.headers.get('content-length')
  return text === null || !/^\d{1,15}$/.test(text) ? undefined : Number(text)
}

/** Parses Content-Range; `undefined` when it is missing or malformed. */
export function readContentRange(response: Response): ContentRange | undefined {
  const text = response.headers.get('content-range') ?? ''
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(text)
  if (match === null) return undefined
  const size = match[3] === '*' ? undefined : Number(match[3])
  return { first: Number(match[1]), last: Number(match[2]), size }
}

/** What If-Range may carry: a strong entity tag, else the date of the last change. */
export function validatorOf(response: Response): string | undefined {
  const tag = response.headers.get('etag')
  if (tag !== null && !tag.startsWith('W/')) return tag
  return response.headers.get('last-modified') ?? undefined
}

/** True unless a validator that the first answer had says that this is another file. */
export function sameFile(first: Response, next: Response): boolean {
  return ['etag', 'last-modified'].every((name) => {
    const before = first.headers.get(name)
    const now = next.headers.get(name)
    return before === null || now === null || before === now
  })
}
