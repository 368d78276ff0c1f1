// No file of an image is newer than SOURCE_DATE_EPOCH.
import { type Build, run } from '../build.ts'

/** From outside: inside the root, other file systems hide /dev, /run and /tmp. */
export async function clampTimes(build: Build, folder: string): Promise<void> {
  const epoch = `@${build.builtAtSeconds}`
  // `-h` follows no link.
  const touch = ['touch', '-h', '-d', epoch, '{}', '+']
  const argv = ['find', folder, '-newermt', epoch, '-exec', ...touch]
  await run(build, 'clamp the times of files', build.tools.asRoot(argv))
}
