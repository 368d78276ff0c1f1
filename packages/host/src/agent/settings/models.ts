// The models this agent knows: all seven of the documented system.
import type { OsError } from '@kubenest/base/errors'
import { containerContainerd } from './container-containerd.ts'
import { grubCmdlineCurrent, grubCmdlineNext } from './grub/grub-cmdline.ts'
import { kernelSysctlPersist } from './kernel-sysctl-persist.ts'
import { kernelSysctl } from './kernel-sysctl.ts'
import { kubernetesKubelet } from './kubernetes-kubelet.ts'
import { nearestName } from './nearest-name.ts'
import { pamLimits } from './pam-limits.ts'
import type { SettingModel } from './setting-model.ts'
import { refusal, shown } from './setting-values.ts'

const MODELS: ReadonlyMap<string, SettingModel> = new Map(
  [
    kernelSysctl,
    kernelSysctlPersist,
    grubCmdlineCurrent,
    grubCmdlineNext,
    kubernetesKubelet,
    containerContainerd,
    pamLimits,
  ].map((model) => [model.name, model]),
)

/** The model of that exact name; throws with the known ones, and the nearest. */
export function modelNamed(name: string): SettingModel {
  const model = MODELS.get(name)
  if (model === undefined) throw unknownModel(name)
  return model
}

function unknownModel(name: string): OsError {
  const known = [...MODELS.keys()]
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? '' : `did you mean ${nearest}? `
  return refusal(
    'setting-model-unknown',
    `there is no model ${shown(name)}; ${hint}this agent knows ${known.join(', ')}`,
  )
}
