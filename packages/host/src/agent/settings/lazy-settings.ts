// Settings as the serving agent holds them: the models and their parsers are loaded at the first
// request, so that an agent that only answers `status` stays small.
import { toOsError } from '@kubenest/base/errors'
import type { Settings, SettingsDeps } from './settings.ts'
import { hasSettingsRecord } from './settings-store.ts'

/** Settings that load themselves. */
export function lazySettings(deps: Omit<SettingsDeps, 'writeKernelValue'>): Settings {
  let loaded: Promise<Settings> | undefined

  async function load(): Promise<Settings> {
    const [{ createSettings }, { writeKernelValue }] = await Promise.all([
      import('./settings.ts'),
      import('../../linux/kernel-value.ts'),
    ])
    return createSettings({ ...deps, writeKernelValue })
  }

  function settings(): Promise<Settings> {
    loaded ??= load()
    return loaded
  }

  return {
    configure: async (request) => (await settings()).configure(request),
    plan: async (request) => (await settings()).plan(request),
    drift: async () => (await settings()).drift(),
    undo: async (request) => (await settings()).undo(request),
    recover: async () => {
      if (await hasSettingsRecord(deps.sysroot)) await (await settings()).recover()
    },
    status: async () => {
      try {
        return (await hasSettingsRecord(deps.sysroot))
          ? await (await settings()).status()
          : undefined
      } catch (error) {
        // `status` must go on telling about slots.
        deps.log.warn('the state of settings cannot be told', { reason: toOsError(error).message })
        return undefined
      }
    },
  }
}
