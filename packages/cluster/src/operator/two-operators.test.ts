// A model of two operators that see the past and are interrupted between any two writes: claims and
// busy nodes must stay within the cap whatever they do (I16), and every interruption must come to
// an end.
import { describe, expect, test } from 'bun:test'
import { LABELS, OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { parseRecord, type Claim } from '@kubenest/api/os/records'
import { applyPatch } from '@kubenest/sim/fakes/fake-patch'
import * as fc from 'fast-check'
import { assignmentPatch, voidPatch } from './assign-instance.ts'
import { instanceFacts, nodeFacts, osFacts, type RolloutFacts } from './facts.ts'
import { planRollout } from './plan-rollout.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const TEST_TIMEOUT_MS = 60_000

interface Model {
  os: Os
  nodes: Map<string, Node>
  instances: Map<string, OsInstance>
  version: number
}

/** Conditional merge patch: refused when the object has another version than the body names. */
function write<T extends Os | Node | OsInstance>(
  model: Model,
  object: T,
  body: object,
): T | undefined {
  const wanted = (body as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion
  if (wanted !== undefined && wanted !== object.metadata.resourceVersion) return undefined
  const changed = applyPatch(object, { type: 'merge', body }) as T
  model.version += 1
  changed.metadata.resourceVersion = String(model.version)
  return changed
}

class Planner {
  readonly model: Model
  readonly name: string
  #seen: RolloutFacts
  #writes: (() => boolean)[] = []
  #ids = 0

  constructor(model: Model, name: string) {
    this.model = model
    this.name = name
    this.#seen = this.#look()
  }

  #look(): RolloutFacts {
    const { os, nodes, instances } = this.model
    return {
      os: osFacts(os),
      others: [],
      nodes: [...nodes.values()].map(nodeFacts),
      instances: new Map([...instances].map(([name, each]) => [name, instanceFacts(each)])),
      offsetSecondsAt: () => 0,
      mayClaim: true,
      firstSeenMs: () => 0,
    }
  }

  look(): void {
    this.#seen = this.#look()
  }

  /** Forgets what it was about to do, as a crash does. */
  crash(): void {
    this.#writes = []
  }

  /** One write, or a new plan from what was last seen, however old. */
  step(): void {
    const next = this.#writes.shift()
    if (next === undefined) this.#plan()
    else if (!next()) this.#writes = []
  }

  #plan(): void {
    const { model } = this
    const facts = this.#seen
    const found = planRollout(facts, NOW, () => `${this.name}${(this.#ids += 1)}`)
    if (found.record !== undefined) {
      const { resourceVersion } = facts.os
      const annotations = found.record
      this.#writes.push(() => {
        const os = write(model, model.os, { metadata: { resourceVersion, annotations } })
        if (os !== undefined) model.os = os
        return os !== undefined
      })
    }
    for (const { claim, instance } of found.assign)
      this.#writes.push(() =>
        this.#patch(instance.name, assignmentPatch(facts.os, claim, instance)),
      )
    for (const { claim, instance } of found.voids)
      this.#writes.push(() => this.#patch(instance.name, voidPatch(claim, instance, 0)))
    for (const { node, labels } of found.labels)
      this.#writes.push(() => setLabels(model, node, labels))
  }

  #patch(name: string, body: object): boolean {
    const instance = this.model.instances.get(name)
    const changed = instance === undefined ? undefined : write(this.model, instance, body)
    if (changed !== undefined) this.model.instances.set(name, changed)
    return changed !== undefined
  }
}

function setLabels(model: Model, name: string, labels: Record<string, '' | null>): boolean {
  const node = model.nodes.get(name)
  if (node !== undefined) {
    const changed = write(model, node, { metadata: { labels } })
    if (changed !== undefined) model.nodes.set(name, changed)
  }
  return true
}

/** What our proxy does at the end: idle, then the label. */
function finish(model: Model, name: string, isGood: boolean): void {
  const instance = model.instances.get(name)
  const node = model.nodes.get(name)
  if (instance === undefined || node === undefined) return
  if (instance.spec?.nodestatus === 'idle') {
    setLabels(model, name, { [LABELS.upgrading]: null })
    return
  }
  const id = instance.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.claim] ?? ''
  const outcome = isGood ? 'Succeeded' : 'Aborted'
  const verdict = JSON.stringify({
    id,
    image: { digest: '', version: 'v2' },
    operation: 'upgrade',
    outcome,
    reason: 'R',
    message: '',
    at: '2020-01-01T00:00:00Z',
  })
  const body = {
    metadata: { annotations: { [OS_INSTANCE_ANNOTATIONS.verdict]: verdict } },
    spec: { nodestatus: 'idle', namespacedname: null },
  }
  const changed = write(model, instance, body)
  if (changed !== undefined) model.instances.set(name, changed)
  if (isGood && node.status?.nodeInfo !== undefined) node.status.nodeInfo.osImage = 'v2'
}

function makeModel(count: number, limit: number): Model {
  const names = Array.from({ length: count }, (_, index) => `n${index}`)
  return {
    version: 1,
    os: {
      metadata: {
        name: 'o',
        namespace: 'default',
        uid: 'os-uid',
        generation: 1,
        resourceVersion: '1',
      },
      spec: { opstype: 'upgrade', osversion: 'v2', maxunavailable: limit },
    },
    nodes: new Map(
      names.map((name) => [
        name,
        {
          metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
          status: { nodeInfo: { osImage: 'v1', bootID: 'b' } },
        },
      ]),
    ),
    instances: new Map(
      names.map((name) => [
        name,
        {
          metadata: { name, namespace: 'default', uid: name, resourceVersion: '1' },
          spec: { nodestatus: 'idle' },
        },
      ]),
    ),
  }
}

function claimsOf(model: Model): Claim[] {
  return parseRecord<Claim[]>(model.os.metadata.annotations?.[OS_ANNOTATIONS.claims]) ?? []
}

describe('planRollout(), two operators', () => {
  test(
    'planRollout() keeps claims and busy nodes within the cap under any interleaving',
    () => {
      const command = fc.record({
        what: fc.constantFrom(
          'step',
          'step',
          'step',
          'look',
          'crash',
          'finish',
          'finish',
          'pause',
          'target',
        ),
        who: fc.integer({ min: 0, max: 1 }),
        node: fc.integer({ min: 0, max: 4 }),
        isGood: fc.boolean(),
      })
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 3 }),
          fc.array(command, { minLength: 20, maxLength: 150 }),
          (limit, commands) => {
            const model = makeModel(5, limit)
            const planners = [new Planner(model, 'a'), new Planner(model, 'b')]
            for (const { what, who, node, isGood } of commands) {
              if (what === 'step') planners[who]?.step()
              else if (what === 'look') planners[who]?.look()
              else if (what === 'crash') planners[who]?.crash()
              else if (what === 'finish') finish(model, `n${node}`, isGood)
              else {
                const spec =
                  what === 'pause'
                    ? { rollout: { paused: isGood } }
                    : { osversion: isGood ? 'v2' : 'v3' }
                model.os = write(model, model.os, { spec }) ?? model.os
              }
              const busy = [...model.instances.values()].filter(
                ({ spec }) => spec?.nodestatus !== 'idle',
              )
              expect(claimsOf(model).length).toBeLessThanOrEqual(limit)
              expect(busy.length).toBeLessThanOrEqual(limit)
            }
          },
        ),
        { numRuns: 300 },
      )
    },
    TEST_TIMEOUT_MS,
  )

  test(
    'planRollout() comes to an end after any interruption',
    () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 3 }),
          fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 60 }),
          (limit, choices) => {
            const model = makeModel(4, limit)
            const planners = [new Planner(model, 'a'), new Planner(model, 'b')]
            for (const choice of choices) {
              const planner = planners[choice % 2]
              if (choice < 4) planner?.step()
              else if (choice < 6) planner?.look()
              else if (choice === 6) planner?.crash()
              else finish(model, `n${choice % 4}`, true)
            }
            const [planner] = planners
            planner?.crash()
            for (let round = 0; round < 14; round += 1) {
              planner?.look()
              for (let step = 0; step < 10; step += 1) planner?.step()
              planner?.crash()
              for (const name of model.nodes.keys()) finish(model, name, true)
              for (const name of model.nodes.keys()) finish(model, name, true)
            }
            expect(claimsOf(model)).toEqual([])
            for (const node of model.nodes.values()) {
              expect(node.status?.nodeInfo?.osImage).toBe('v2')
              expect(node.metadata.labels?.[LABELS.upgrading]).toBeUndefined()
            }
          },
        ),
        { numRuns: 60 },
      )
    },
    TEST_TIMEOUT_MS,
  )
})
