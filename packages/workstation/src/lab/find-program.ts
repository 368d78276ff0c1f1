// Looks for an executable file in a list of folders, as a shell does with PATH.
import { isOsError } from '@kubenest/base/errors'
import { type FileStat, stat } from '@kubenest/base/files'

/** First executable file of that name; `undefined` when no folder has one. */
export async function findProgram(
  name: string,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const info = await statOrNothing(`${folder}/${name}`)
    const usable = info?.kind === 'link' || (info?.kind === 'file' && (info.mode & 0o111) !== 0)
    if (usable) return `${folder}/${name}`
  }
  return undefined
}

/** A folder of PATH that this person may not enter is passed over, as a shell does. */
async function statOrNothing(file: string): Promise<FileStat | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if (isOsError(error, 'file-failed')) return undefined
    throw error
  }
}
