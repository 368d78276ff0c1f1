// OS objects as the agent's parameter objects (contract 3.6). Members keep the documented order.
import type {
  ConfigureEntry,
  ConfigureParams,
  OperationExtras,
  PrepareUpgradeParams,
} from '@kubenest/api/agent/rpc'
import type { Configs, Os } from '@kubenest/api/os/os'
import type { OperationRecord } from '@kubenest/api/os/records'

const HEALTH_DEADLINE_SECONDS = 900

/** Parameter of `prepare_upgrade`; our extra members come last, upstream's agent ignores them. */
export function renderPrepare(os: Os, operation: OperationRecord): PrepareUpgradeParams {
  const spec = os.spec ?? {}
  return {
    version: spec.osversion ?? '',
    check_sum: spec.checksum ?? '',
    image_type: spec.imagetype ?? '',
    container_image: spec.containerimage ?? '',
    image_url: spec.imageurl ?? '',
    flag_safe: spec.flagSafe ?? false,
    mtls: spec.mtls ?? false,
    certs: {
      ca_cert: spec.cacert ?? '',
      client_cert: spec.clientcert ?? '',
      client_key: spec.clientkey ?? '',
    },
    ...renderExtras(os, operation),
  }
}

/** Operation id, leave for a further trial, and health policy (decision 19). */
export function renderExtras(os: Os | undefined, operation: OperationRecord): OperationExtras {
  const health = os?.spec?.rollout?.health
  return {
    operation_id: operation.id,
    ...(operation.attempt === undefined ? {} : { attempt: operation.attempt }),
    health: {
      policy: health?.policy ?? 'Strict',
      deadlineSeconds: health?.deadlineSeconds ?? HEALTH_DEADLINE_SECONDS,
    },
  }
}

/**
 * Parameter of `configure`; `undefined` when nothing has to be sent. `restart` is sent only when
 * asked for: upstream's agent ignores it.
 */
export function renderConfigure(
  settings: Configs | undefined,
  restart = false,
): ConfigureParams | undefined {
  const configs = (settings?.configs ?? []).flatMap((config): ConfigureEntry[] => {
    if (config.contents === undefined) return []
    const contents: ConfigureEntry['contents'] = Object.create(null) as ConfigureEntry['contents']
    for (const { key, value, operation } of config.contents) {
      contents[key ?? ''] = { value: value ?? null, operation: operation ?? '' }
    }
    return [{ model: config.model ?? '', config_path: config.configpath ?? '', contents }]
  })
  return configs.length === 0 ? undefined : { configs, ...(restart ? { restart } : {}) }
}
