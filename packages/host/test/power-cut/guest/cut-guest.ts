// Cuts the power of a running guest: the emulator is stopped at a moment that the guest cannot
// know, then killed. Nothing is flushed, nobody is told.
import * as fs from 'node:fs/promises'
import { guestArgv, PHASE_WORD, RESULT_WORD, type GuestBoot } from './run-guest.ts'

const LOOK_INTERVAL_MS = 10

/** When the power goes: so long after the phase began. */
export interface Cut {
  readonly phase: string
  /** Infinity lets the guest run to its end. */
  readonly afterMs: number
}

/** Runs the guest until the cut or its end; tells how long after the phase began that was. */
export async function cutGuest(boot: GuestBoot, cut: Cut): Promise<number> {
  await fs.writeFile(boot.log, new Uint8Array(0))
  await fs.rm(boot.console, { force: true })
  const child = Bun.spawn(guestArgv(boot), {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: boot.limitMs,
    killSignal: 'SIGKILL',
  })
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  while (!isOver() && !(await says(boot, `${PHASE_WORD} ${cut.phase}`)))
    await Bun.sleep(LOOK_INTERVAL_MS)
  const startMs = performance.now()
  await (cut.afterMs === Infinity
    ? child.exited
    : Promise.race([child.exited, Bun.sleep(cut.afterMs)]))
  const sinceMs = performance.now() - startMs
  // Stopped first, so that requests which this machine has begun are not torn by the kill.
  if (!isOver()) await freeze(child.pid)
  child.kill('SIGKILL')
  await child.exited
  if (await says(boot, `${RESULT_WORD} failed`))
    throw new Error(`The guest failed in ${boot.scenario}: ${await screenOf(boot)}`)
  if (!(await says(boot, `${PHASE_WORD} ${cut.phase}`)))
    throw new Error(`The guest never began ${cut.phase}: ${await screenOf(boot)}`)
  return sinceMs
}

async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  while (!(await isFrozen(pid))) await Bun.sleep(1)
}

async function isFrozen(pid: number): Promise<boolean> {
  const threads = await fs.readdir(`/proc/${pid}/task`).catch(() => [])
  const states = await Promise.all(
    threads.map((thread) => fs.readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  )
  // "T" for stopped, "Z" for one that was done already.
  return states.every((text) => /^[TZ]/.test(text.slice(text.lastIndexOf(')') + 2)))
}

async function says(boot: GuestBoot, words: string): Promise<boolean> {
  return (await fs.readFile(boot.console, 'utf8').catch(() => '')).includes(words)
}

async function screenOf(boot: GuestBoot): Promise<string> {
  return (await fs.readFile(boot.console, 'utf8')).slice(-3000)
}
