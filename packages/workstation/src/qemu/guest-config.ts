// What a guest is, and the QEMU command line for it. Pure; flags as measured (lab notes, section
// 2).

/** A host port on loopback that leads to a port of the guest. */
export interface PortForward {
  readonly hostPort: number
  readonly guestPort: number
}

/** A systemd credential of the guest, at most 1 MiB. */
export interface GuestCredential {
  /** At most 30 bytes: letters, digits, dot, dash, underscore. */
  readonly name: string
  readonly file: string
}

/** One guest. All paths are absolute. */
export interface GuestConfig {
  readonly name: string
  /** qcow2 disk of this guest. */
  readonly disk: string
  /** This guest's own copy of the firmware's variables. */
  readonly firmwareVariables: string
  /** Unix socket for QMP. */
  readonly qmpSocket: string
  /** What the guest prints on its serial line. */
  readonly serialLog: string
  /** systemd credentials: their content is in files, never on the command line. */
  readonly credentials: readonly GuestCredential[]
  readonly memoryMib: number
  readonly cpus: number
  readonly accelerator: 'kvm' | 'tcg'
  /** First address that the guest's network gives out, for example `10.0.2.15`. */
  readonly address: string
  readonly forwards: readonly PortForward[]
  /**
   * `unsafe` ignores flushes and is fast; `writeback` obeys them, as a test of power cuts needs.
   */
  readonly diskCache: 'unsafe' | 'writeback'
  /** QEMU ends when the guest reboots; a supervisor starts it again (a cold start is faster). */
  readonly endsAtReboot: boolean
}

/** Firmware of Debian's `ovmf` package. */
export const FIRMWARE_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
export const FIRMWARE_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd'

/** Argument list of QEMU. */
export function renderQemuArgv(config: GuestConfig): [string, ...string[]] {
  const { accelerator } = config
  return [
    'qemu-system-x86_64',
    '-name',
    config.name,
    '-accel',
    accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=512',
    '-cpu',
    accelerator === 'kvm' ? 'host' : 'max',
    '-machine',
    'q35',
    '-smp',
    String(config.cpus),
    '-m',
    String(config.memoryMib),
    '-display',
    'none',
    '-nodefaults',
    '-no-user-config',
    ...(config.endsAtReboot ? ['-no-reboot'] : []),
    '-serial',
    `file:${optionValue(config.serialLog)}`,
    '-qmp',
    `unix:${optionValue(config.qmpSocket)},server=on,wait=off`,
    ...renderDevices(config),
    ...config.credentials.flatMap(renderCredential),
  ]
}

function renderDevices(config: GuestConfig): string[] {
  const forwards = config.forwards.map(
    ({ hostPort, guestPort }) => `,hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`,
  )
  return [
    '-drive',
    `if=pflash,format=raw,readonly=on,file=${FIRMWARE_CODE}`,
    '-drive',
    `if=pflash,format=raw,file=${optionValue(config.firmwareVariables)}`,
    '-drive',
    `if=none,id=disk,format=qcow2,cache=${config.diskCache},discard=unmap,file=${optionValue(config.disk)}`,
    '-device',
    'virtio-blk-pci,drive=disk,bootindex=0',
    '-device',
    'virtio-rng-pci',
    '-netdev',
    `user,id=net,dhcpstart=${config.address}${forwards.join('')}`,
    '-device',
    'virtio-net-pci,netdev=net',
  ]
}

/** QEMU splits options at commas; a comma in a value is written twice. */
function optionValue(value: string): string {
  return value.replaceAll(',', ',,')
}

/**
 * Through the firmware's file interface: strings of SMBIOS are cut after 4 KiB by systemd 252, less
 * than a kubeconfig with certificates needs.
 */
function renderCredential({ name, file }: GuestCredential): string[] {
  return ['-fw_cfg', `name=opt/io.systemd.credentials/${name},file=${optionValue(file)}`]
}
