// Frees parsed list pages while a list is still going on. Left alone, the collector lets garbage
// grow to several times what is kept: 2,000 nodes of 12 KB peak at 43 MB of anonymous memory, and
// at 15 with this. A pod with the documented limit of 30 MiB survives only the latter.
const GARBAGE_BYTES_MAX = 512 * 1024

/** See {@link createPageCollector}. */
export interface PageCollector {
  /** To be called when an earlier answer is no longer in use. */
  beforeRequest(): void
  onText(length: number): void
}

/**
 * Collects before the first request after each 512 KiB of answers: about once in a page of nodes.
 */
export function createPageCollector(collect: () => void = () => Bun.gc(true)): PageCollector {
  let garbageBytes = 0
  return {
    beforeRequest: () => {
      if (garbageBytes < GARBAGE_BYTES_MAX) return
      garbageBytes = 0
      collect()
    },
    onText: (length) => {
      garbageBytes += length
    },
  }
}
