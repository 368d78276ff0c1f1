// PURE: the scripts of contract 6.3. kbimg.sh builds again when it is run; the others show what ran
// where, so that people can read and repeat it. Names, modes and meaning are the contract; no
// secret stands in them (ADR 0071).
import type { BuiltImageType } from './config.ts'
import type { RootFile } from './root-files.ts'
import { quoteWord, quoteWords } from './shell-words.ts'
import type { RecordedCommand, RecordedStep } from './describe-command.ts'

const SCRIPT_MODE = 0o550
const FILE_MODE = 0o640
/** Longer standard input is told by its length: it comes from files of the image. */
const INPUT_LENGTH_MAX = 4000

/** Inputs of the scripts. */
export interface ScriptInput {
  readonly imageType: BuiltImageType
  /** The configuration file as the user named it. */
  readonly configFile: string
  readonly steps: readonly RecordedStep[]
}

/** Scripts of one image type, named below `scripts-auto`. */
export function renderScripts(input: ScriptInput): RootFile[] {
  const { imageType, steps } = input
  const isInside = ({ place }: RecordedCommand) => place === 'inside'
  const bootLoader = steps.filter(({ id }) => id === 'make-boot-partition')
  const files = [
    script('kbimg.sh', renderBuildScript(input)),
    script('set_in_chroot.sh', renderCommands(INSIDE_HEAD, steps, isInside)),
  ]
  if (imageType === 'vm-img')
    return [...files, script('bootloader.sh', renderCommands(BOOT_LOADER_HEAD, bootLoader))]
  return [...files, { path: 'Dockerfile', mode: FILE_MODE, text: DOCKERFILE }]
}

const DOCKERFILE = `# The archive upgrade-img.oci.tar as Docker would build it: docker build -t NAME scripts-auto
FROM scratch
COPY kubeos.tar /os.tar
`

const INSIDE_HEAD = `#!/bin/bash
# What kbimg runs inside the root file system, in this order. KERNEL-VERSION, when it stands here,
# is the version that the packages bring.
set -euo pipefail
`

const BOOT_LOADER_HEAD = `#!/bin/bash
# How kbimg makes the boot partition, seen from the folder of scripts-auto.
set -euo pipefail
`

function renderBuildScript({ imageType, configFile, steps }: ScriptInput): string {
  const shown = steps.map(
    (step, index) =>
      `\n# [${index + 1}/${steps.length}] ${step.title}\n` +
      step.commands.map((command) => `#   ${placeWord(command)}${renderLine(command)}\n`).join(''),
  )
  return `#!/bin/bash
# Builds this image: the program is kbimg on the PATH, or the one that KBIMG names. It takes the
# configuration as it stands now, and replaces the folder of this script when it is done.
set -euo pipefail
cd -- "$(dirname -- "\${BASH_SOURCE[0]}")/.."
exec "\${KBIMG:-kbimg}" create -f ${quoteWord(configFile)} ${imageType} "$@"

# What it does, step by step. "namespace" is root of a user namespace, "inside" is in the image.
${shown.join('')}`
}

function placeWord({ place }: RecordedCommand): string {
  return place === 'machine' ? '' : `${place}: `
}

function renderCommands(
  head: string,
  steps: readonly RecordedStep[],
  belongs: (command: RecordedCommand) => boolean = () => true,
): string {
  const parts = steps.map((step) => {
    const lines = step.commands.filter(belongs).map((command) => `${renderLine(command)}\n`)
    return lines.length === 0 ? '' : `\n# ${step.title}\n${lines.join('')}`
  })
  return `${head}${parts.join('')}`
}

/** A secret is read from a file that whoever runs the line names. */
function renderLine({ argv, input }: RecordedCommand): string {
  const line = quoteWords(argv)
  if (input === undefined) return line
  if ('secret' in input) return `${line} < "\${SECRET:?}" # a file with ${quoteWord(input.secret)}`
  if (input.text.length > INPUT_LENGTH_MAX)
    return `${line} # with ${input.text.length} bytes on standard input`
  return `printf %s ${quoteWord(input.text)} | ${line}`
}

function script(path: string, text: string): RootFile {
  return { path, mode: SCRIPT_MODE, text }
}
