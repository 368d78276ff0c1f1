// A process that can die at any call: what it asked for hangs, its timers never ring, its watches
// end, and nothing it still computes reaches the world.
import type { Clock } from '@kubenest/base/clock'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'
import type { KubeClient } from '@kubenest/kube/client/kube-client'

/** Whether the process dies at this call: before it is sent, or before its answer is read. */
export type Crash = 'none' | 'before' | 'after'

export interface ProcessOptions {
  readonly clock: Clock
  /** Asked for each call; `isWrite` for those that change the API server or the agent. */
  readonly crash: (isWrite: boolean) => Crash
  /** Told once, when the process dies by itself. */
  readonly onCrash: () => void
}

/** What a dead process waits for. */
function forever(): Promise<never> {
  return new Promise(() => {})
}

/** One life of an operator or a proxy. */
export class SimulatedProcess {
  readonly #options: ProcessOptions
  readonly #abort = new AbortController()
  readonly #timers = new Set<() => void>()
  #isDead = false

  constructor(options: ProcessOptions) {
    this.#options = options
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Ends it now, as SIGKILL does. */
  kill(): void {
    if (this.#isDead) return
    this.#isDead = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    this.#abort.abort(new Error('killed'))
  }

  /** Time as this process sees it: it stops with the process. */
  clock(): Clock {
    const { clock } = this.#options
    const schedule = (delayMs: number, task: () => void): (() => void) => {
      if (this.#isDead) return () => {}
      const cancel = clock.schedule(delayMs, () => {
        this.#timers.delete(cancel)
        task()
      })
      this.#timers.add(cancel)
      return () => {
        this.#timers.delete(cancel)
        cancel()
      }
    }
    return {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      schedule,
      sleep: (delayMs, signal) => this.#sleep(schedule, delayMs, signal),
    }
  }

  kube(client: KubeClient): KubeClient {
    const read = <T>(work: () => Promise<T>) => this.#call(false, work)
    const write = <T>(work: () => Promise<T>) => this.#call(true, work)
    return {
      get: (resource, ref, options) => read(() => client.get(resource, ref, options)),
      list: (resource, options) => read(() => client.list(resource, options)),
      watch: (resource, options) => client.watch(resource, options),
      create: (resource, object, options) => write(() => client.create(resource, object, options)),
      replace: (resource, object, options) =>
        write(() => client.replace(resource, object, options)),
      patch: (resource, ref, patch, options) =>
        write(() => client.patch(resource, ref, patch, options)),
      delete: (resource, ref, options) => write(() => client.delete(resource, ref, options)),
      evict: (ref, options) => write(() => client.evict(ref, options)),
    }
  }

  agent(client: AgentClient): AgentClient {
    const call = <T>(work: () => Promise<T>, signal?: AbortSignal) => this.#call(true, work, signal)
    return {
      prepareUpgrade: (params, signal) => call(() => client.prepareUpgrade(params), signal),
      upgrade: (extras, signal) => call(() => client.upgrade(extras), signal),
      rollback: (extras, signal) => call(() => client.rollback(extras), signal),
      configure: (params, signal) => call(() => client.configure(params), signal),
      status: (signal) => this.#call(false, () => client.status(), signal),
      cancel: (signal) => call(() => client.cancel(), signal),
      report: (params, signal) => call(() => client.report(params), signal),
    }
  }

  #call<T>(isWrite: boolean, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#isDead) return forever()
    const crash = this.#options.crash(isWrite)
    if (crash === 'before') {
      this.#die()
      return forever()
    }
    return new Promise((resolve, reject) => {
      // A client that goes away never ends the agent's work.
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const settle = (tell: () => void) => {
        if (this.#isDead) return
        if (crash === 'after') this.#die()
        else tell()
      }
      work().then(
        (result) => settle(() => resolve(result)),
        (error: Error) => settle(() => reject(error)),
      )
    })
  }

  #die(): void {
    this.kill()
    this.#options.onCrash()
  }

  #sleep(
    schedule: Clock['schedule'],
    delayMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error)
      const onAbort = () => {
        cancel()
        reject(signal?.reason as Error)
      }
      const cancel = schedule(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
