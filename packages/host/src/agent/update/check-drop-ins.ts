// The programs of `/etc/kubenest/health.d/required` and `wanted`: a person's own questions to a new
// version. They run as root with a time limit each, and what they print goes into the verdict,
// bounded. One that anybody but root could have written is refused, not run.
import { isOsError, toOsError } from '@kubenest/base/errors'
import { listDirectory, stat, type FileStat } from '@kubenest/base/files'
import type { EngineContext } from './engine-context.ts'
import type { CheckResult } from './judge-health.ts'

/** Where the programs are. */
export const DROP_IN_FOLDER = '/etc/kubenest/health.d'

/** Exit code that means "not yet" (EX_TEMPFAIL); any other than 0 means "no". */
const NOT_YET = 75
const PROGRAMS_MAX = 32
const AT_ONCE = 4
const OUTPUT_BYTES_MAX = 4_096
const SHOWN_CHARACTERS_MAX = 200
const ROOT_UID = 0
const OTHERS_MAY_WRITE = 0o022
const OWNER_MAY_RUN = 0o100

/** Runs all programs of one folder, four at a time, each for `limitMs` at most. */
export async function checkDropIns(
  context: EngineContext,
  kind: 'required' | 'wanted',
  limitMs: number,
): Promise<CheckResult[]> {
  const folder = `${DROP_IN_FOLDER}/${kind}`
  const names = await listDirectory(context.sysroot.path(folder))
  const programs = names.filter((name) => !name.startsWith('.'))
  if (programs.length === 0) return []
  const refused = await refuseFolder(context, folder)
  if (refused !== undefined) return [red(folder, refused)]
  if (programs.length > PROGRAMS_MAX)
    return [red(folder, `${folder} holds more than ${PROGRAMS_MAX} checks; remove some`)]
  const results: CheckResult[] = []
  for (let at = 0; at < programs.length; at += AT_ONCE) {
    const some = programs.slice(at, at + AT_ONCE)
    const runs = some.map((name) => checkOne(context, `${folder}/${name}`, limitMs))
    results.push(...(await Promise.all(runs)))
  }
  return results
}

/** Why a program must not be run; `undefined` when it may. Pure. */
export function refuseDropIn(info: FileStat | undefined, ownerUid: number): string | undefined {
  if (info?.kind !== 'file') return 'it is not a plain file; put the program itself there'
  if (info.uid !== ownerUid) return `it belongs to user ${info.uid}; run chown root on it`
  if ((info.mode & OTHERS_MAY_WRITE) !== 0)
    return `others may write it (mode ${modeOf(info)}); run chmod go-w on it`
  if ((info.mode & OWNER_MAY_RUN) === 0)
    return `it is not executable (mode ${modeOf(info)}); run chmod 0755 on it, or remove it`
  return undefined
}

/** Whoever may write the folder may exchange what is in it. */
async function refuseFolder(context: EngineContext, folder: string): Promise<string | undefined> {
  for (const each of [DROP_IN_FOLDER, folder]) {
    const info = await stat(context.sysroot.path(each))
    const isOurs = info?.kind === 'directory' && info.uid === ownerOf(context)
    if (isOurs && (info.mode & OTHERS_MAY_WRITE) === 0) continue
    return `${each} must be a folder that only root may write; no check in it was run`
  }
  return undefined
}

async function checkOne(
  context: EngineContext,
  file: string,
  limitMs: number,
): Promise<CheckResult> {
  const program = context.sysroot.path(file)
  const refused = refuseDropIn(await stat(program), ownerOf(context))
  if (refused !== undefined) return red(file, `Check ${file} was not run: ${refused}`)
  try {
    const { exitCode, stdout, stderr } = await context.exec.run({
      argv: [program],
      timeoutMs: limitMs,
      outputBytesMax: OUTPUT_BYTES_MAX,
    })
    if (exitCode === 0) return { name: file, state: 'green', reason: '' }
    const state = exitCode === NOT_YET ? 'pending' : 'red'
    const said = shorten(`${stdout}\n${stderr}`)
    return { name: file, state, reason: `Check ${file} exits with ${exitCode}: ${said}` }
  } catch (cause) {
    const error = toOsError(cause)
    const state = isOsError(error, 'command-not-started') ? 'red' : 'pending'
    return { name: file, state, reason: `Check ${file}: ${shorten(error.message)}` }
  }
}

/** The end of what was said, on one line, without anything that could steer a terminal. */
function shorten(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
  return line === '' ? 'it said nothing' : line.slice(-SHOWN_CHARACTERS_MAX)
}

function ownerOf(context: EngineContext): number {
  return context.ownerUid ?? ROOT_UID
}

function modeOf({ mode }: FileStat): string {
  return mode.toString(8).padStart(4, '0')
}

function red(name: string, reason: string): CheckResult {
  return { name, state: 'red', reason }
}
