// Paths of the machine that builds: relative ones start from the current directory (contract 6.1).

/** Absolute path for a path of the configuration. */
export function resolveFrom(cwd: string, path: string): string {
  return path.startsWith('/') ? path : `${cwd.replace(/\/$/, '')}/${path}`
}

/** Last part of a path. */
export function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? path
}
