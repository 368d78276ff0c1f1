// The models this agent knows. (Later: grub.cmdline.*, kubernetes.kubelet, container.containerd,
// pam.limits.)
import type { OsError } from '@kubenest/base/errors'
import { kernelSysctlPersist } from './kernel-sysctl-persist.ts'
import { kernelSysctl } from './kernel-sysctl.ts'
import { nearestName } from './nearest-name.ts'
import type { SettingModel } from './setting-model.ts'
import { refusal, shown } from './setting-values.ts'

const MODELS: ReadonlyMap<string, SettingModel> = new Map(
  [kernelSysctl, kernelSysctlPersist].map((model) => [model.name, model]),
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
