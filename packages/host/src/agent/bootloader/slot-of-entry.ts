// Menu entries as the boot environment names them: by title, id or number. Pure.

/** The slot that an entry means; `undefined` for anything that is not one of the two. */
export function slotOfEntry(entry: string | undefined): 'A' | 'B' | undefined {
  if (entry === 'A' || entry === 'KubeOS-A' || entry === '0') return 'A'
  return entry === 'B' || entry === 'KubeOS-B' || entry === '1' ? 'B' : undefined
}
