// Generated files are what their generator makes today.
import type { Finding, SourceFile } from './source-files.ts'

/** Files that differ from `wanted`, and files in the same folders that nobody generates. */
export function checkGenerated(
  files: readonly SourceFile[],
  wanted: ReadonlyMap<string, string>,
  remedy: string,
): Finding[] {
  const present = new Map(files.map((file) => [file.path, file.text]))
  const folders = new Set([...wanted.keys()].map((path) => path.replace(/[^/]+$/, '')))
  const stale = [...wanted].filter(([path, text]) => present.get(path) !== text)
  const foreign = [...present.keys()].filter(
    (path) => folders.has(path.replace(/[^/]+$/, '')) && !wanted.has(path),
  )
  return [
    ...stale.map(([path]) => ({ path, message: `is not what the generator makes: ${remedy}` })),
    ...foreign.map((path) => ({
      path,
      message: 'stands among generated files, but nobody makes it',
    })),
  ]
}
