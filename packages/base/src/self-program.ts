// How to start this program again, and its sister programs: compiled ones lie beside each other,
// from source each is a main.ts run by Bun.
import * as fs from 'node:fs'
import path from 'node:path'
import { OsError } from './errors.ts'

const FOLDERS = {
  kubenest: 'workstation',
  'kubenest-cluster': 'cluster',
  'kubenest-host': 'host',
} as const

/** Programs of this product. */
export type ProgramName = keyof typeof FOLDERS

/** A command line, and the paths a sandbox must show for it to work. */
export interface ProgramCommand {
  readonly argv: [string, ...string[]]
  readonly paths: readonly string[]
}

/**
 * How to start an applet of ours.
 *
 * @throws {OsError} kind `host`, code `program-missing`, when that program was not built.
 */
export function programCommand(program: ProgramName, applet: string): ProgramCommand {
  const compiled = Bun.main.startsWith('/$bunfs/')
  const command = compiled ? compiledCommand(program, applet) : sourceCommand(program, applet)
  const file = command.argv[compiled ? 0 : 1] ?? ''
  if (fs.existsSync(file)) return command
  throw new OsError('host', {
    code: 'program-missing',
    message: `Cannot start ${applet}: ${file} does not exist; run make build`,
    fields: { program, applet },
  })
}

function compiledCommand(program: ProgramName, applet: string): ProgramCommand {
  const file = path.join(path.dirname(fs.realpathSync(process.execPath)), program)
  return { argv: [file, applet], paths: [file] }
}

function sourceCommand(program: ProgramName, applet: string): ProgramCommand {
  const root = path.resolve(import.meta.dir, '../../..')
  const main = path.join(root, 'packages', FOLDERS[program], 'src/main.ts')
  return {
    argv: [process.execPath, main, applet],
    paths: [fs.realpathSync(process.execPath), process.execPath, root],
  }
}
