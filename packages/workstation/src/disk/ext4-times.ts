// PURE: the times that `mke2fs -d` takes over from the machine that builds. A file's change and
// access times cannot be set from outside, so they are set in the image: for every inode in use,
// one time.

const ROOT_INODE = 2
/** Inodes below belong to the file system itself; mke2fs gives them the time of the build. */
const FIRST_INODE = 11

/** Inodes in use, as `dumpe2fs FILE` tells by listing the free ones of each group. */
export function parseUsedInodes(output: string): number[] {
  const count = Number(/^Inode count:\s+(\d+)$/m.exec(output)?.[1] ?? 0)
  const free = new Set<number>()
  for (const [, list = ''] of output.matchAll(/^ {2}Free inodes: (.*)$/gm))
    for (const range of list.split(', ').filter((text) => text !== '')) {
      const [first, last = first] = range.split('-').map(Number)
      for (let inode = first ?? 0; inode <= (last ?? 0); inode++) free.add(inode)
    }
  const all = Array.from({ length: count }, (_, index) => index + 1)
  return all.filter((inode) => isOfContent(inode) && !free.has(inode))
}

function isOfContent(inode: number): boolean {
  return inode === ROOT_INODE || inode >= FIRST_INODE
}

/** Standard input for `debugfs -w -f - FILE`; seconds since 1970. */
export function renderTimeScript(inodes: readonly number[], seconds: number): string {
  const lines = inodes.flatMap((inode) =>
    ['atime', 'ctime'].map((field) => `set_inode_field <${inode}> ${field} @${seconds}\n`),
  )
  return lines.join('')
}
