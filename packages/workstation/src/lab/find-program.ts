// Looks for an executable file in a list of folders, as a shell does with PATH.
import { stat } from '@kubenest/base/files'

/** First executable file of that name; `undefined` when no folder has one. */
export async function findProgram(
  name: string,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    const info = await stat(`${folder}/${name}`)
    const usable = info?.kind === 'link' || (info?.kind === 'file' && (info.mode & 0o111) !== 0)
    if (usable) return `${folder}/${name}`
  }
  return undefined
}
