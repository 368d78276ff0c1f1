// PURE: what stands below /var in a new root → tmpfiles rules that fill the empty /var of a first
// boot, and add what an upgrade brings (contract 6.7 item 12). Existing files are never
// overwritten.

/** Something below /var, as `find -printf '%y\t%m\t%U\t%G\t%p\t%l'` tells. */
export interface VarEntry {
  readonly type: string
  readonly mode: string
  readonly user: string
  readonly group: string
  readonly path: string
  readonly target: string
}

/** Splits find's output; records end with a NUL, because names may hold newlines. */
export function parseVarEntries(output: string): VarEntry[] {
  return output.split('\0').flatMap((record) => {
    const [type, mode, user, group, path, target] = record.split('\t')
    if (type === undefined || mode === undefined || user === undefined) return []
    if (group === undefined || path === undefined || path === '/var') return []
    return [{ type, mode, user, group, path, target: target ?? '' }]
  })
}

/** The rules file: `d` for folders, `C` for files (from /usr/share/factory), `L` for links. */
export function renderVarRules(entries: readonly VarEntry[]): string {
  const lines = entries.flatMap((entry) => {
    const path = quote(entry.path)
    if (entry.type === 'd') return [`d ${path} ${entry.mode} ${entry.user} ${entry.group} -`]
    if (entry.type === 'f') return [`C ${path} - - - -`]
    if (entry.type === 'l') return [`L ${path} - - - - ${quote(entry.target)}`]
    return []
  })
  return `${lines.sort(byPath).join('\n')}\n`
}

function byPath(left: string, right: string): number {
  const a = left.split(' ')[1] ?? ''
  const b = right.split(' ')[1] ?? ''
  return a < b ? -1 : Number(a > b)
}

/** A word of a tmpfiles line: `%` starts a specifier, blanks and quotes end words. */
function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const escaped = text.replace(/[\u0000-\u0020"'\\\u007f]/g, (letter) => {
    return `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  return escaped.replaceAll('%', '%%')
}
