// One look at a trial, judged (decisions 19 and 20). Pure. Green, pending and red are different:
// pending waits for the deadline, red needs three looks. Silence of the cluster never makes a node
// fall back.
import type { HealthPolicy, ReportParams } from '@kubenest/api/agent/rpc'
import type { HealthConfig } from './health-config.ts'

const RED_LOOKS = 3

export interface CheckResult {
  readonly name: string
  readonly state: 'green' | 'pending' | 'red'
  /** Sentence; for what is not green. */
  readonly reason: string
}

export interface HealthFacts {
  readonly config: Pick<HealthConfig, 'leastUptimeMs' | 'wantedWaitMs' | 'deadlineMs'>
  /** Age of the trial. */
  readonly elapsedMs: number
  readonly checks: readonly CheckResult[]
  /** Waited for and told of, never a reason to fall back. */
  readonly wanted: readonly CheckResult[]
  /** Looks in a row that saw red, this one not counted. */
  readonly redLooksBefore: number
  /** What the proxy said last in this boot. */
  readonly report?: ReportParams | undefined
  readonly policy: HealthPolicy['policy']
  readonly hadDefaultRoute: boolean
  readonly hasDefaultRoute: boolean
}

export type HealthVerdict =
  /** `waitsFor`: sentences for people. */
  | { readonly kind: 'wait'; readonly redLooks: number; readonly waitsFor: readonly string[] }
  /** `notes`: what was wanted and not green. */
  | { readonly kind: 'commit'; readonly notes: readonly string[] }
  | { readonly kind: 'fall-back'; readonly reasons: readonly string[] }

/** Judges one look. */
export function judgeHealth(facts: HealthFacts): HealthVerdict {
  const { config, elapsedMs, checks } = facts
  if (elapsedMs < config.leastUptimeMs)
    return { kind: 'wait', redLooks: 0, waitsFor: [leastUptime(config.leastUptimeMs)] }
  const red = checks.filter((check) => check.state === 'red')
  const redLooks = red.length > 0 ? facts.redLooksBefore + 1 : 0
  if (redLooks >= RED_LOOKS) return { kind: 'fall-back', reasons: red.map((check) => check.reason) }
  const open = checks.filter((check) => check.state !== 'green')
  if (open.length > 0) {
    if (elapsedMs < config.deadlineMs)
      return { kind: 'wait', redLooks, waitsFor: open.map(({ reason }) => reason) }
    const since = `still so after ${Math.round(config.deadlineMs / 1000)} s`
    return { kind: 'fall-back', reasons: open.map((check) => `${check.reason}, ${since}`) }
  }
  return judgeWanted(facts)
}

/** Everything local is green: what does the cluster see? */
function judgeWanted(facts: HealthFacts): HealthVerdict {
  const notes = facts.wanted.filter(({ state }) => state !== 'green').map(({ reason }) => reason)
  const isReady = facts.report?.ready === true
  if (isReady && notes.length === 0) return { kind: 'commit', notes }
  if (facts.elapsedMs < facts.config.wantedWaitMs)
    return { kind: 'wait', redLooks: 0, waitsFor: isReady ? notes : [clusterWord(facts), ...notes] }
  if (isReady || facts.policy === 'Local') return { kind: 'commit', notes }
  if (facts.report !== undefined) return { kind: 'fall-back', reasons: [clusterWord(facts)] }
  if (facts.hadDefaultRoute && !facts.hasDefaultRoute)
    return { kind: 'fall-back', reasons: ['The default route that existed before is gone'] }
  return { kind: 'commit', notes }
}

function clusterWord({ report }: HealthFacts): string {
  if (report === undefined) return 'The cluster has not said yet that it sees the node as ready'
  const detail = [report.reason, report.message].filter((part) => part !== undefined).join(': ')
  return `The cluster sees the node as not ready: ${detail}`
}

function leastUptime(leastUptimeMs: number): string {
  return `Nothing is decided before ${leastUptimeMs / 1000} s`
}
