// Who runs: the programs of one life of the simulated system end together. Everything that a task
// has left running in the background belongs to the same life, also behind timers.
import { AsyncLocalStorage } from 'node:async_hooks'

/** From a start until a kill, a restart or a reboot. */
export interface Life {
  isOver: boolean
}

const lives = new AsyncLocalStorage<Life>()

/** Runs a task, and what it leaves running, in this life. */
export function live<T>(life: Life, task: () => T): T {
  return lives.run(life, task)
}

/** Whoever asks was killed. */
export function isOver(): boolean {
  return lives.getStore()?.isOver === true
}
