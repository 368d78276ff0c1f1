// Cuts the power of a running guest: the emulator is stopped at a moment that the guest cannot
// know, then killed. Nothing is flushed, nobody is told.
import * as fs from 'node:fs/promises'
import { guestArgv, PHASE_WORD, recordedDisk, RESULT_WORD, type GuestBoot } from './run-guest.ts'

const LOOK_INTERVAL_MS = 10

/** When the power goes: so long after the phase began. */
export interface Cut {
  readonly phase: string
  /** Infinity lets the guest run to its end. */
  readonly afterMs: number
}

export interface CutOutcome {
  /** How long after the phase began the guest was cut, or had done what it was to do. */
  readonly sinceMs: number
  /** False for a guest that had ended by then. */
  readonly wasRunning: boolean
}

/** Runs the guest until the cut or its end. */
export async function cutGuest(boot: GuestBoot, cut: Cut): Promise<CutOutcome> {
  await fs.writeFile(boot.log, new Uint8Array(0))
  await fs.rm(boot.console, { force: true })
  const child = Bun.spawn(guestArgv(boot, recordedDisk(boot)), {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: boot.limitMs,
    killSignal: 'SIGKILL',
  })
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  const untilSaid = async (words: string) => {
    while (!isOver() && !(await says(boot, words))) await Bun.sleep(LOOK_INTERVAL_MS)
  }
  await untilSaid(`${PHASE_WORD} ${cut.phase}`)
  const startMs = performance.now()
  await (cut.afterMs === Infinity
    ? untilSaid(RESULT_WORD)
    : Promise.race([child.exited, Bun.sleep(cut.afterMs)]))
  const outcome = { sinceMs: performance.now() - startMs, wasRunning: !isOver() }
  if (cut.afterMs === Infinity) await child.exited
  // Stopped first, so that requests which this machine has begun are not torn by the kill.
  await freeze(child)
  child.kill('SIGKILL')
  await child.exited
  if (await says(boot, `${RESULT_WORD} failed`))
    throw new Error(`The guest failed in ${boot.scenario}: ${await screenOf(boot)}`)
  if (!(await says(boot, `${PHASE_WORD} ${cut.phase}`)))
    throw new Error(`The guest never began ${cut.phase}: ${await screenOf(boot)}`)
  return outcome
}

async function freeze(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGSTOP')
  while (!(await isFrozen(child.pid))) await Bun.sleep(1)
}

/** A process that is gone counts, too. */
async function isFrozen(pid: number): Promise<boolean> {
  const threads = await fs.readdir(`/proc/${pid}/task`).catch(() => [])
  const states = await Promise.all(threads.map((thread) => stateOfThread(pid, thread)))
  // "T" for stopped, "Z" for one that was done already.
  return states.every((state) => state === 'T' || state === 'Z')
}

/** A thread that ends while it is looked at has no state: look again. */
async function stateOfThread(pid: number, thread: string): Promise<string | undefined> {
  const text = await fs.readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '')
  return text[text.lastIndexOf(')') + 2]
}

async function says(boot: GuestBoot, words: string): Promise<boolean> {
  return (await fs.readFile(boot.console, 'utf8').catch(() => '')).includes(words)
}

async function screenOf(boot: GuestBoot): Promise<string> {
  return (await fs.readFile(boot.console, 'utf8')).slice(-3000)
}
