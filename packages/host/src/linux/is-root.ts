// Who we run as.

/** True when this process may do what only root may. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0
}
