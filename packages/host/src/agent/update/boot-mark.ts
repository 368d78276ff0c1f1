// Small files that live until the next boot: what one process of the agent tells another.
import { ensureDirectory, writeFile } from '@kubenest/base/files'
import { RUN_FOLDER, type EngineContext } from './engine-context.ts'

/** Writes one of the files below `RUN_FOLDER`. */
export async function markBoot(
  context: EngineContext,
  file: string,
  content: string,
): Promise<void> {
  await ensureDirectory(context.sysroot.path(RUN_FOLDER), 0o700)
  await writeFile(context.sysroot.path(file), content, 0o600)
}
