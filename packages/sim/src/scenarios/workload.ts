// Pods with an owner that wants them back: evicted ones end after their grace time and come again
// on a node that takes pods. Budgets of blocked ones allow nothing before the calm.
import type { Pod } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { BUDGETS, NODES, PODS } from '@kubenest/kube/client/resources'
import type { FakeApiServer } from '../fakes/fake-api-server.ts'
import type { Dice } from './dice.ts'
import type { PodPlan } from './scenario.ts'

const NAMESPACE = 'default'
const REPLACE_MS = 1000
const NO_NODE_MS = 5000

export interface WorkloadOptions {
  readonly server: FakeApiServer
  readonly clock: Clock
  readonly dice: Dice
  readonly plans: readonly PodPlan[]
  readonly nodeNames: readonly string[]
}

/** All pods of a run. */
export class Workload {
  readonly #options: WorkloadOptions
  readonly #admin: KubeClient
  readonly #left = new Set<string>()
  #isCalm = false

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#admin = options.server.client({ name: 'workload' })
  }

  async start(): Promise<void> {
    const { plans, nodeNames, server, clock } = this.#options
    for (const plan of plans) {
      if (plan.kind === 'budgeted' || plan.kind === 'blocked') await this.#createBudget(plan)
      await this.#createPod(plan, nodeNames[plan.node] ?? '')
    }
    server.store.onChange(({ collection, old, current, key }) => {
      if (collection !== '/pods') return
      const isLeaving = current?.metadata.deletionTimestamp !== undefined
      const name = key.split('/').at(-1) ?? ''
      const plan = plans.find((each) => each.name === name)
      if (plan === undefined) return
      if (isLeaving && old?.metadata.deletionTimestamp === undefined)
        clock.schedule(plan.graceMs, () => server.finishPod({ name, namespace: NAMESPACE }))
      if (current === undefined) clock.schedule(REPLACE_MS, () => void this.#replace(plan))
    })
  }

  /** Budgets open, and pods that nobody owns are taken away by their people. */
  async calmDown(): Promise<void> {
    this.#isCalm = true
    for (const plan of this.#options.plans) {
      if (plan.kind === 'blocked') await this.#setAllowed(plan, 1)
      if (plan.kind !== 'unmanaged') continue
      this.#left.add(plan.name)
      this.#options.server.finishPod({ name: plan.name, namespace: NAMESPACE })
    }
  }

  async #replace(plan: PodPlan): Promise<void> {
    if (this.#left.has(plan.name)) return
    const { dice, clock } = this.#options
    const page = await this.#admin.list(NODES, { limit: 0 })
    const open = page.items.filter(({ spec }) => spec?.unschedulable !== true)
    const [one, ...others] = open.map(({ metadata }) => metadata.name)
    if (one === undefined) {
      clock.schedule(NO_NODE_MS, () => void this.#replace(plan))
      return
    }
    await this.#createPod(plan, dice.pick([one, ...others]))
    const isOpen = plan.kind === 'budgeted' || (plan.kind === 'blocked' && this.#isCalm)
    if (isOpen) await this.#setAllowed(plan, 1)
  }

  async #createPod({ name, kind }: PodPlan, nodeName: string): Promise<void> {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, controller: true }
    const pod: Pod = {
      metadata: {
        name,
        namespace: NAMESPACE,
        labels: { app: name },
        ...(kind === 'unmanaged' ? {} : { ownerReferences: [owner] }),
      },
      spec: { nodeName },
      status: { phase: 'Running' },
    }
    await this.#admin.create(PODS, pod)
  }

  async #createBudget(plan: PodPlan): Promise<void> {
    await this.#admin.create(BUDGETS, {
      metadata: { name: plan.name, namespace: NAMESPACE },
      spec: { selector: { matchLabels: { app: plan.name } } },
      status: { disruptionsAllowed: plan.kind === 'blocked' ? 0 : 1 },
    })
    await this.#setAllowed(plan, plan.kind === 'blocked' ? 0 : 1)
  }

  async #setAllowed({ name }: PodPlan, disruptionsAllowed: number): Promise<void> {
    const body = { status: { disruptionsAllowed } }
    const ref = { name, namespace: NAMESPACE }
    await this.#admin.patch(BUDGETS, ref, { type: 'merge', body }, { subresource: 'status' })
  }
}
