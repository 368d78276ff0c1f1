// The boot menu of an A/B system as text. `grub.cfg` is static: everything that changes is in
// grubenv. A slot is found by its partition on the boot disk, never by label (decision 16). A trial
// slot boots only after GRUB has cleared `next_entry` and has read back that it did (reliability
// 4.2 step 13).

/** Kernel arguments of the documented system (contract 6.10), beside `root=`. */
export const KERNEL_ARGUMENTS: readonly string[] = [
  'ro',
  'rootfstype=ext4',
  'nomodeset',
  'quiet',
  'oops=panic',
  'softlockup_panic=1',
  'nmi_watchdog=1',
  'rd.shell=0',
  'selinux=0',
  'crashkernel=256M',
  'panic=3',
]

/** On the kernel command line of a trial boot. */
export const TRIAL_ARGUMENT = 'kubenest.trial=1'

/**
 * Prefix of the argument that tells where the boot decision came from: `primary`, `backup` or
 * `none`.
 */
export const ENVIRONMENT_ARGUMENT = 'kubenest.env='

/** Between "neither slot can be loaded" and the next try: time to read the screen. */
const RESTART_PAUSE_S = 30

/** First line of our `custom.cfg`; a file without it belongs to somebody else. */
export const CUSTOM_CONFIG_MARK = '# Written by KubeNest; replaced by its updates.'

/** What the menu needs to know of the disk. */
export interface GrubConfigOptions {
  /** Id of partition 2, lower case: a GUID, or `<disk id>-02` of a disk with an msdos table. */
  readonly partuuidA: string
  /** Id of partition 3, lower case. */
  readonly partuuidB: string
  /** Words of the kernel line beside `root=`. @defaultValue {@link KERNEL_ARGUMENTS} */
  readonly kernelArguments?: readonly string[]
  /** Those of slot B, where they differ. @defaultValue `kernelArguments` */
  readonly kernelArgumentsB?: readonly string[]
  /** Time the menu is shown, seconds. @defaultValue 5 */
  readonly menuTimeoutSeconds?: number
}

/**
 * The complete `grub.cfg` of a new image.
 *
 * @throws {RangeError} when a GUID, an argument or the time is not in its grammar: the text becomes
 * script.
 */
export function renderGrubConfig(options: GrubConfigOptions): string {
  const timeout = options.menuTimeoutSeconds ?? 5
  if (!Number.isInteger(timeout) || timeout < 0 || timeout > 60)
    throw new RangeError(`Cannot render the boot menu: a time of ${timeout} s is not 0 to 60 s`)
  return `${[
    '# Boot menu of slots A and B. Static: what changes is in grubenv beside this file.',
    FIND_DISK,
    LOAD_ENVIRONMENT,
    TAKE_NEXT_ENTRY,
    CHOOSE_DEFAULT,
    renderTimeouts(timeout),
    USERS,
    renderEntry('A', 2, 'KubeOS-A', options.partuuidA, options.kernelArguments),
    renderEntry('B', 3, 'KubeOS-B', options.partuuidB, argumentsOfB(options)),
    RESTART_ENTRY,
    CUSTOM_FILE,
  ].join('\n\n')}\n`
}

/**
 * A `custom.cfg` for a node whose `grub.cfg` somebody else made (decision 26): it is sourced at
 * that file's end, after that file has taken `next_entry`. It adds entries that boot our slots, the
 * backup environment, and the fallback to that file's own entry of the other slot.
 *
 * @throws {RangeError} as {@link renderGrubConfig}.
 */
export function renderCustomConfig(options: Omit<GrubConfigOptions, 'menuTimeoutSeconds'>): string {
  return `${[
    CUSTOM_CONFIG_MARK,
    FIND_DISK,
    'set kubenest_wanted="${default}"',
    LOAD_ENVIRONMENT,
    TAKE_WANTED_ENTRY,
    CHOOSE_CUSTOM_DEFAULT,
    renderEntry('A (KubeNest)', 2, 'KubeNest-A', options.partuuidA, options.kernelArguments),
    renderEntry('B (KubeNest)', 3, 'KubeNest-B', options.partuuidB, argumentsOfB(options)),
    RESTART_ENTRY,
  ].join('\n\n')}\n`
}

const FIND_DISK = `set kubenest_disk=
regexp --set=1:kubenest_disk '^\\(([^,]+),' "\${prefix}"
if [ -z "\${kubenest_disk}" ]; then
  set kubenest_disk=hd0
fi`

const LOAD_ENVIRONMENT = `function kubenest_slot {
  set kubenest_slot=
  if [ "\${1}" = A -o "\${1}" = KubeOS-A -o "\${1}" = 0 ]; then set kubenest_slot=A; fi
  if [ "\${1}" = B -o "\${1}" = KubeOS-B -o "\${1}" = 1 ]; then set kubenest_slot=B; fi
}

# An unreadable environment, or one that names no slot, is replaced by the backup; a trial is then forgotten.
set kubenest_env=primary
set saved_entry=
set next_entry=
if [ -s "\${prefix}/grubenv" ]; then
  load_env --file "\${prefix}/grubenv" saved_entry next_entry menu_show_once menu_auto_hide boot_success fastboot
fi
kubenest_slot "\${saved_entry}"
if [ -z "\${kubenest_slot}" ]; then
  set kubenest_env=backup
  set saved_entry=
  if [ -s "\${prefix}/grubenv.bak" ]; then
    load_env --file "\${prefix}/grubenv.bak" saved_entry
  fi
  set next_entry=
  kubenest_slot "\${saved_entry}"
  if [ -z "\${kubenest_slot}" ]; then
    set kubenest_env=none
    set kubenest_slot=A
  fi
fi
set kubenest_saved="\${kubenest_slot}"`

const TAKE_NEXT_ENTRY = `# A trial boots only when it can never boot twice: cleared, and read back as cleared.
set kubenest_trial=
if [ -n "\${next_entry}" ]; then
  kubenest_slot "\${next_entry}"
  set next_entry=
  save_env --file "\${prefix}/grubenv" next_entry
  set next_entry=unread
  load_env --file "\${prefix}/grubenv" next_entry
  if [ -z "\${next_entry}" ]; then
    set kubenest_trial="\${kubenest_slot}"
  fi
  set next_entry=
fi`

const TAKE_WANTED_ENTRY = `# The menu before us has cleared next_entry; when it is still there, clearing failed and no trial boots.
set kubenest_trial=
if [ "\${kubenest_env}" = primary -a -z "\${next_entry}" ]; then
  kubenest_slot "\${kubenest_wanted}"
  if [ -n "\${kubenest_slot}" -a "\${kubenest_slot}" != "\${kubenest_saved}" ]; then
    set kubenest_trial="\${kubenest_slot}"
  fi
fi`

const CHOOSE_ARGUMENTS = `set kubenest_arguments_a="kubenest.env=\${kubenest_env}"
set kubenest_arguments_b="kubenest.env=\${kubenest_env}"
set kubenest_chosen="\${kubenest_saved}"
if [ "\${kubenest_trial}" = A ]; then
  set kubenest_chosen=A
  set kubenest_arguments_a="kubenest.env=\${kubenest_env} ${TRIAL_ARGUMENT} panic=3"
fi
if [ "\${kubenest_trial}" = B ]; then
  set kubenest_chosen=B
  set kubenest_arguments_b="kubenest.env=\${kubenest_env} ${TRIAL_ARGUMENT} panic=3"
fi`

// Fallback works with entry numbers only (reliability 0.6): the other slot, then the restart.
const CHOOSE_DEFAULT = `${CHOOSE_ARGUMENTS}
if [ "\${kubenest_chosen}" = B ]; then
  set default=1
  set fallback="0 2"
else
  set default=0
  set fallback="1 2"
fi`

// Entries 0 and 1 are the documented menu's, 2 and 3 our slots, 4 the restart.
const CHOOSE_CUSTOM_DEFAULT = `${CHOOSE_ARGUMENTS}
if [ "\${kubenest_chosen}" = B ]; then
  set default=KubeNest-B
  set fallback="0 4"
else
  set default=KubeNest-A
  set fallback="1 4"
fi`

// Without it GRUB shows its menu again and waits for a key for ever (ADR 0116): a slot that could
// not be read once may be readable after a cold start, and a node must never need a keyboard.
const RESTART_ENTRY = `menuentry 'Restart' --class kubeos --unrestricted --id KubeNest-Restart {
  echo 'Restarting in ${RESTART_PAUSE_S} s. After a failed start: neither slot could be loaded.'
  sleep ${RESTART_PAUSE_S}
  reboot
}`

const USERS = `set superusers=root
export superusers
if [ -f "\${prefix}/user.cfg" ]; then
  source "\${prefix}/user.cfg"
  if [ -n "\${GRUB2_PASSWORD}" ]; then
    password_pbkdf2 root \${GRUB2_PASSWORD}
  fi
fi`

const CUSTOM_FILE = `if [ -f "\${prefix}/custom.cfg" ]; then
  source "\${prefix}/custom.cfg"
fi`

function renderTimeouts(menuTimeoutSeconds: number): string {
  return `set timeout_style=menu
set timeout=${menuTimeoutSeconds}
if [ -n "\${menu_show_once}" ]; then
  set menu_show_once=
  save_env --file "\${prefix}/grubenv" menu_show_once
  set timeout=60
elif [ "\${menu_auto_hide}" = 1 -a "\${boot_success}" = 1 ]; then
  set timeout_style=hidden
  if [ "\${fastboot}" = 1 ]; then
    set timeout=0
  else
    set timeout=1
  fi
fi`
}

function argumentsOfB(options: GrubConfigOptions): readonly string[] | undefined {
  return options.kernelArgumentsB ?? options.kernelArguments
}

function renderEntry(
  title: string,
  partition: 2 | 3,
  id: string,
  partuuid: string,
  kernelArguments: readonly string[] = KERNEL_ARGUMENTS,
): string {
  for (const argument of kernelArguments) assertKernelArgument(argument)
  const own = partition === 2 ? '${kubenest_arguments_a}' : '${kubenest_arguments_b}'
  return `menuentry '${title}' --class kubeos --unrestricted --id ${id} {
  set root="\${kubenest_disk},${tableOf(partuuid, partition)}${partition}"
  linux /boot/vmlinuz root=PARTUUID=${partuuid} ${kernelArguments.join(' ')} ${own}
  initrd /boot/initramfs.img
}`
}

/** GRUB's word for the kind of partition table, which the form of the id tells. */
function tableOf(partuuid: string, partition: 2 | 3): 'gpt' | 'msdos' {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(partuuid)) return 'gpt'
  if (/^[0-9a-f]{8}-0\d$/.test(partuuid) && partuuid.endsWith(`${partition}`)) return 'msdos'
  throw new RangeError(
    `Cannot render the boot menu: PARTUUID ${JSON.stringify(partuuid)} of partition ${partition} is neither a lower-case GUID nor <disk id>-0${partition}`,
  )
}

/** True for a word that cannot end the line, quote, expand or comment inside a GRUB script. */
export function isKernelArgument(argument: string): boolean {
  return /^[A-Za-z0-9_.,:=/@%+-]+$/.test(argument)
}

function assertKernelArgument(argument: string): void {
  if (!isKernelArgument(argument))
    throw new RangeError(
      `Cannot render the boot menu: kernel argument ${JSON.stringify(argument)} holds a character that GRUB would interpret`,
    )
}
