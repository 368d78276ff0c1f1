// What is written to an OSInstance when its node is assigned (contract 2.2). Pure.
import { OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Configs } from '@kubenest/api/os/os'
import type { Claim, OperationRecord } from '@kubenest/api/os/records'
import type { InstanceFacts, OsFacts } from './facts.ts'

const SWAPPED: Readonly<Record<string, string>> = {
  'grub.cmdline.current': 'grub.cmdline.next',
  'grub.cmdline.next': 'grub.cmdline.current',
}

/**
 * Merge patch that assigns the node; conditional on the resource version that was seen idle and
 * unowned.
 */
export function assignmentPatch(os: OsFacts, claim: Claim, instance: InstanceFacts): object {
  return {
    metadata: {
      resourceVersion: instance.resourceVersion,
      annotations: { [OS_INSTANCE_ANNOTATIONS.claim]: claim.id },
    },
    spec: {
      nodestatus: claim.operation === 'config' ? 'config' : 'upgrade',
      namespacedname: { name: os.name, namespace: os.namespace },
      ...settingsOf(os, claim.operation, instance),
    },
  }
}

/**
 * Merge patch that marks a claim as over without starting it: nobody can assign it any more. The
 * ended record tells our proxy so, which else would take the stamp for that of whoever assigns the
 * node next, upstream's operator included.
 */
export function voidPatch(claim: Claim, instance: InstanceFacts, nowMs: number): object {
  const at = new Date(nowMs).toISOString()
  const ended: OperationRecord = {
    id: claim.id,
    type: claim.operation,
    image: claim.image,
    phase: 'Configuring',
    since: at,
    endedAt: at,
  }
  return {
    metadata: {
      resourceVersion: instance.resourceVersion,
      annotations: {
        [OS_INSTANCE_ANNOTATIONS.claim]: claim.id,
        [OS_INSTANCE_ANNOTATIONS.operation]: JSON.stringify(ended),
      },
    },
  }
}

function settingsOf(os: OsFacts, operation: Claim['operation'], instance: InstanceFacts): object {
  if (operation === 'config') return { sysconfigs: whole(os.systemSettings) }
  const { systemSettings, preUpgradeSettings } = os
  return {
    ...((systemSettings?.version ?? '') === instance.systemSettingsVersion
      ? {}
      : { sysconfigs: whole(swapGrubEntries(systemSettings)) }),
    ...((preUpgradeSettings?.version ?? '') === instance.preUpgradeSettingsVersion
      ? {}
      : { upgradeconfigs: whole(preUpgradeSettings) }),
  }
}

/** Replacement is total, so members that are absent now must be taken away by null. */
function whole(configs: Configs | undefined): object | null {
  if (configs === undefined) return null
  return { version: configs.version ?? null, configs: configs.configs ?? null }
}

/**
 * After the reboot the old current entry is the new next one; the OS object itself is never
 * changed.
 */
export function swapGrubEntries(configs: Configs | undefined): Configs | undefined {
  if (configs?.configs === undefined) return configs
  return {
    ...configs,
    configs: configs.configs.map((config) => {
      const swapped = SWAPPED[config.model ?? '']
      return swapped === undefined ? config : { ...config, model: swapped }
    }),
  }
}
