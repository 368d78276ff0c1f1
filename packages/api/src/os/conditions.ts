// Condition types and reasons that we write. Reasons are stable: people alert on them.

/** Conditions of OS objects. */
export type OsConditionType = 'Progressing' | 'Available' | 'Degraded' | 'Paused'

/** Conditions of OSInstances. */
export type OsInstanceConditionType =
  'SlotVerified' | 'Armed' | 'TrialPassed' | 'FellBack' | 'Degraded' | 'Drained'
