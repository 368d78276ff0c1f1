// What this agent can do, for `status`: a proxy or a person decides by it what to ask for. Names
// only; the parts themselves are loaded at their first use.
import type { AgentFeatures } from '@kubenest/api/agent/rpc'

/** Values of `image_type` that have a source. */
export const IMAGE_SOURCES = ['disk', 'docker', 'containerd'] as const

/** Settings models. */
export const SETTINGS_MODELS = [
  'kernel.sysctl',
  'kernel.sysctl.persist',
  'grub.cmdline.current',
  'grub.cmdline.next',
  'kubernetes.kubelet',
  'container.containerd',
  'pam.limits',
] as const

/** Two root partitions with ext4; GRUB's environment on the ESP, or in /boot/grub2. */
export const LAYOUTS = ['ab-ext4-uefi', 'ab-ext4-legacy'] as const

/** The member `features` of `status`. */
export function describeFeatures(methods: readonly string[]): AgentFeatures {
  return {
    methods: [...methods],
    sources: [...IMAGE_SOURCES],
    settings: [...SETTINGS_MODELS],
    layouts: [...LAYOUTS],
  }
}
