// One shot: a node is put into a state, an operation runs in a process of its own, and at one of
// its durable calls it is killed or the call fails.
import path from 'node:path'
import type { FaultScene } from './fault-scene.ts'
import type { Scenario } from './scenarios.ts'
import { supervise, type Decision, type WaitingCall } from './supervise.ts'
import { DURABLE_CALLS, READING_CALLS } from './system-calls.ts'

const LIMIT_MS = 60_000

export interface ShotEnd {
  /** `done`, or what the operation failed with; `undefined` when it was killed. */
  readonly outcome: 'done' | { kind: string; code: string; message: string } | undefined
  /** Calls that touched the node, in order; without the path of the node. */
  readonly calls: readonly WaitingCall[]
  readonly stderr: string
}

/** Runs the operation; `decide` is asked about each call that touches the node. */
export async function shoot(
  scene: FaultScene,
  scenario: Scenario,
  decide: (call: WaitingCall, index: number) => Decision,
  reading = false,
): Promise<ShotEnd> {
  await scene.begin(scenario.beginning)
  const image = scenario.image === undefined ? '' : scene[scenario.image].file
  const script = path.join(import.meta.dir, 'agent-step.ts')
  const words = [scene.node.root, scenario.step, image, 'v2', ...(reading ? ['reading'] : [])]
  const calls: WaitingCall[] = []
  const { stdout, stderr } = await supervise({
    argv: [process.execPath, script, ...words],
    calls: reading ? [...DURABLE_CALLS, ...READING_CALLS] : DURABLE_CALLS,
    limitMs: LIMIT_MS,
    decide(call) {
      if (!touchesNode(call, scene.node.root)) return 'pass'
      calls.push({ ...call, object: call.object.replace(scene.node.root, '') })
      return decide(call, calls.length - 1)
    },
  })
  return { outcome: outcomeOf(stdout), calls, stderr }
}

function outcomeOf(stdout: string): ShotEnd['outcome'] {
  const line = stdout.trim()
  if (line === '') return undefined
  return line === 'done' ? 'done' : (JSON.parse(line) as Exclude<ShotEnd['outcome'], string>)
}

/** Names that are relative come from tar, which works inside the slot. */
function touchesNode({ object }: WaitingCall, root: string): boolean {
  if (object.startsWith('/')) return object.startsWith(root) || object.startsWith('/dev/loop')
  return object !== '' && !object.includes(':')
}

/** What a call is, whatever is in its way: for choosing shots and for telling of them. */
export function siteOf({ program, name, object }: WaitingCall): string {
  const who = program.startsWith('Bun') || program === 'bun' ? 'agent' : program
  return `${who} ${name} ${object.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')}`
}

/**
 * The calls to shoot at: every one of the agent's own; of a child's many calls of one kind the
 * first, the last, and some of those between.
 */
export function chooseShots(calls: readonly WaitingCall[], ofEachKind: number): number[] {
  const kinds = new Map<string, number[]>()
  for (const [index, call] of calls.entries()) {
    const kind = call.program.includes('Bun') ? `agent ${index}` : `${call.program} ${call.name}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), index])
  }
  const chosen = [...kinds.values()].flatMap((indexes) => spread(indexes, ofEachKind))
  return chosen.sort((left, right) => left - right)
}

/** Some of these, evenly, with the first and the last. */
export function spread(indexes: readonly number[], count: number): number[] {
  if (indexes.length <= count) return [...indexes]
  const step = (indexes.length - 1) / (count - 1)
  return Array.from({ length: count }, (_, turn) => indexes[Math.round(turn * step)] ?? 0)
}
