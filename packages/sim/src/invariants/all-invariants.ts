// The invariants of the cluster, I16 to I23, made anew for each run.
import { claimsWithinCap } from './claims-within-cap.ts'
import { makeDrainedBeforeReboot } from './drained-before-reboot.ts'
import { makeHaltsAfterFailures } from './halts-after-failures.ts'
import type { Invariant } from './invariant.ts'
import { everyStateEnds, nothingLeft } from './nothing-left.ts'
import { oneTrial } from './one-trial.ts'
import { onlyOurCordon } from './only-our-cordon.ts'
import { makeTruthful } from './truthful.ts'

export function makeAllInvariants(): Invariant[] {
  return [
    claimsWithinCap,
    makeDrainedBeforeReboot(),
    onlyOurCordon,
    nothingLeft,
    everyStateEnds,
    oneTrial,
    makeHaltsAfterFailures(),
    makeTruthful(),
  ]
}
