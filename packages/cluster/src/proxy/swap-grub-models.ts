// `current` and `next` kernel lines mean the slots at the time the operation was issued, so
// settings that are applied after the reboot carry the other model (contract 2.2, X9). The OS
// object stays as it is.
import type { Configs } from '@kubenest/api/os/os'

const SWAPPED: Readonly<Record<string, string>> = {
  'grub.cmdline.current': 'grub.cmdline.next',
  'grub.cmdline.next': 'grub.cmdline.current',
}

/** A copy with both kernel-line models exchanged. */
export function swapGrubModels(settings: Configs | undefined): Configs | undefined {
  if (settings?.configs === undefined) return settings
  const configs = settings.configs.map((config) => {
    const swapped = SWAPPED[config.model ?? '']
    return swapped === undefined ? config : { ...config, model: swapped }
  })
  return { ...settings, configs }
}
