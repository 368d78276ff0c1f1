// The documented command line (contract 6.1): `kbimg [-d] create -f FILE TYPE`, with --debug on
// either side of `create`, and exit code 2 for wrong usage.
import { Command, CommanderError, Option } from 'commander'
import { renderVersion } from '@kubenest/base/version'
import { IMAGE_TYPES, type ImageType } from './config.ts'

/** What the user asked for. */
export type CommandLine =
  | { action: 'create'; file: string; imageType: ImageType; debug: boolean; strict: boolean }
  | { action: 'exit'; exitCode: 0 | 2 }

/** Where help and complaints go. */
export interface CommandOutput {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}

/** Parses arguments (without program name). Help, version and usage errors are printed here. */
export function parseCommandLine(argv: readonly string[], output: CommandOutput): CommandLine {
  let asked: CommandLine = { action: 'exit', exitCode: 2 }
  const program = createProgram(output, (result) => (asked = result))
  try {
    program.parse([...argv], { from: 'user' })
    return asked
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { action: 'exit', exitCode: error.exitCode === 0 ? 0 : 2 }
  }
}

function createProgram(output: CommandOutput, take: (asked: CommandLine) => void): Command {
  const program = new Command('kbimg')
    .description('Builds KubeOS images: a disk for virtual machines, or what an upgrade needs')
    .version(renderVersion('kbimg'), '-V, --version', 'print the version')
    .option('-d, --debug', 'write the generated files and the plan, build nothing')
    .configureOutput({ writeOut: output.stdout, writeErr: output.stderr })
    .exitOverride()
  const create = program
    .command('create')
    .description('Create an image in ./scripts-auto')
    .argument('<IMAGE_TYPE>', `one of ${IMAGE_TYPES.join(', ')}`)
    .requiredOption('-f, --file <FILE>', 'path of the TOML configuration')
    .option('-d, --debug', 'the same as before "create"')
    .addOption(new Option('--strict', 'refuse unknown keys instead of warning'))
    .exitOverride()
  create.action((type: string, options: { file: string; debug?: true; strict?: true }) => {
    const imageType = IMAGE_TYPES.find((known) => known === type)
    if (imageType === undefined)
      create.error(`error: unknown image type '${type}'; use one of ${IMAGE_TYPES.join(', ')}`, {
        exitCode: 2,
      })
    else
      take({
        action: 'create',
        file: options.file,
        imageType,
        debug: options.debug === true || program.opts()['debug'] === true,
        strict: options.strict === true,
      })
  })
  return program
}
