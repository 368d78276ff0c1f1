// Does this node differ from what the OS object asks for (contract 2.2)? Pure.
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'
import { rolloutKey, wantedIdentity } from './rollout-record.ts'

/** A verdict may reach our cache before the kubelet's report of the new version does. */
export const VERDICT_LEAD_MS = 30_000

/**
 * True when the node needs the operation. Settings are compared by version; the OS version is the
 * proxy's matter then.
 */
export function needsOperation(
  os: OsFacts,
  node: NodeFacts,
  instance: InstanceFacts | undefined,
): boolean {
  if (os.operation !== 'config') return node.osVersion !== os.targetVersion
  return (os.systemSettings?.version ?? '') !== (instance?.systemSettingsVersion ?? '')
}

/** End of the time in which a success is believed although the node still shows its old version. */
export function believedUntilMs(
  os: OsFacts,
  instance: InstanceFacts | undefined,
): number | undefined {
  const verdict = instance?.verdict
  if (verdict === undefined || verdict.outcome !== 'Succeeded' || os.operation === 'config')
    return undefined
  const isSame = rolloutKey({ image: verdict.image }) === rolloutKey(wantedIdentity(os))
  const atMs = Date.parse(verdict.at)
  return isSame && !Number.isNaN(atMs) ? atMs + VERDICT_LEAD_MS : undefined
}
