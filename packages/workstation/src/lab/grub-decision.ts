// What the real GRUB decides for a light node. grub-emu runs the node's grub.cfg unmodified; two
// script functions named like the commands it lacks say what would be booted.

/** What GRUB would have started. */
export interface GrubDecision {
  readonly slot: 'A' | 'B'
  /** The kernel's arguments, in order, without the kernel's own path. */
  readonly kernelArguments: readonly string[]
}

const MARK = '@@kubenest'

/**
 * First configuration that grub-emu reads. GRUB calls a function where a command does not exist.
 * Like the real command, `linux` fails when there is no kernel, so that the menu's fallback is
 * tested too.
 */
export const GRUB_WRAPPER = `function linux {
  if [ ! -s "$1" ]; then
    set kubenest_loaded=
    return 1
  fi
  echo "${MARK} kernel $root $1"
  shift
  for argument in "$@"; do
    echo "${MARK} argument $argument"
  done
  set kubenest_loaded=1
}
function initrd {
  if [ -n "$kubenest_loaded" -a -s "$1" ]; then
    echo "${MARK} boot"
    halt
  fi
  return 1
}
set root=hd0,gpt1
set prefix=(hd0,gpt1)/EFI/openEuler
export root
export prefix
configfile (hd0,gpt1)/EFI/openEuler/grub.cfg
`

/** Reads grub-emu's screen; `undefined` when nothing was booted. */
export function parseGrubScreen(screen: string): GrubDecision | undefined {
  const lines = stripTerminalCodes(screen)
    .split('\n')
    .flatMap((line) => (line.startsWith(`${MARK} `) ? [line.slice(MARK.length + 1).trim()] : []))
  const boot = lines.lastIndexOf('boot')
  const kernel = lines.findLastIndex((line, index) => index < boot && line.startsWith('kernel '))
  const root = /^kernel hd0,gpt([23]) /.exec(lines[kernel] ?? '')
  if (root === null) return undefined
  const kernelArguments = lines
    .slice(kernel + 1, boot)
    .flatMap((line) => (line.startsWith('argument ') ? [line.slice('argument '.length)] : []))
  return { slot: root[1] === '2' ? 'A' : 'B', kernelArguments }
}

function stripTerminalCodes(screen: string): string {
  // oxlint-disable-next-line no-control-regex
  return screen.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '')
}
