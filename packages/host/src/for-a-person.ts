// A command of a person ends with a sentence, not with a log line: the reason first, then the name
// of the failure for a search or a script.
import type { AppletContext } from '@kubenest/base/applet'
import { exitCodeOf, toOsError } from '@kubenest/base/errors'
import { printable } from './printable.ts'

/** Runs a command; tells its failure on standard error. A defect is thrown on, with its trace. */
export async function forAPerson(
  { stderr }: Pick<AppletContext, 'stderr'>,
  command: () => Promise<number>,
): Promise<number> {
  try {
    return await command()
  } catch (thrown) {
    const error = toOsError(thrown)
    if (error.kind === 'bug') throw error
    stderr(`${printable(error.message)} [${error.kind}/${error.code}]\n`)
    return exitCodeOf(error)
  }
}
