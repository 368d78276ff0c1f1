// Lets at most so many tasks into a section at once, in the order in which they came.

/** Runs a task as soon as a place is free. */
export type Semaphore = <R>(task: () => Promise<R>) => Promise<R>

/** Makes a {@link Semaphore} with that many places. */
export function createSemaphore(places: number): Semaphore {
  const waiting: (() => void)[] = []
  let free = places
  return async (task) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
