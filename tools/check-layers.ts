// Dependencies point one way (ARCHITECTURE.md, Layers): which package may import which, nothing
// reaches around a package's door, and files do not import each other in circles.
import path from 'node:path'
import { importsOf } from './imports.ts'
import { type Finding, isTestFile, type SourceFile } from './source-files.ts'

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  api: [],
  base: ['api'],
  provision: ['api'],
  kube: ['api', 'base'],
  cluster: ['api', 'base', 'kube'],
  host: ['api', 'base', 'provision'],
  workstation: ['api', 'base', 'kube', 'provision'],
  sim: ['api', 'base', 'kube', 'provision', 'cluster', 'host', 'workstation'],
}

/** Fakes live in sim; tests of any package may use them. */
const TESTS_MAY = ['sim']

/** Breaches of the layer table, and one finding per circle of imports. */
export function checkLayers(files: readonly SourceFile[]): Finding[] {
  return [...files.flatMap(checkFile), ...checkCycles(files)]
}

function checkFile(file: SourceFile): Finding[] {
  const own = packageOf(file.path)
  if (own === undefined) return []
  const allowed = ALLOWED[own]
  if (allowed === undefined)
    return [{ path: file.path, message: `package ${own} has no row in tools/check-layers.ts` }]
  const may = isTestFile(file.path) ? [...allowed, ...TESTS_MAY] : allowed
  return importsOf(file).flatMap(({ specifier, line }) => {
    const target = targetPackage(file.path, specifier)
    const reason = whyNot(own, may, specifier, target)
    return reason === undefined ? [] : [{ path: file.path, line, message: reason }]
  })
}

function whyNot(
  own: string,
  may: readonly string[],
  specifier: string,
  target: string | undefined,
): string | undefined {
  const isRelative = specifier.startsWith('.')
  if (isRelative && target !== own && target !== 'deploy')
    return `"${specifier}" leaves package ${own}; import it as @kubenest/…`
  if (isRelative || target === undefined) return undefined
  if (target === own) return `package ${own} imports itself by name; use a relative path`
  if (may.includes(target)) return undefined
  const list = may.join(', ') || 'no package of ours'
  return `package ${own} may not import ${target}; it may import ${list}`
}

function packageOf(file: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(file)?.[1]
}

function targetPackage(from: string, specifier: string): string | undefined {
  const scoped = /^@kubenest\/([^/]+)/.exec(specifier)?.[1]
  if (scoped !== undefined) return scoped
  if (!specifier.startsWith('.')) return undefined
  const place = path.join(path.dirname(from), specifier)
  // Units, manifests and examples are embedded from where people look for them.
  return packageOf(place) ?? (/^(deploy|examples)\//.test(place) ? 'deploy' : 'outside')
}

function checkCycles(files: readonly SourceFile[]): Finding[] {
  const graph = new Map(files.map((file) => [file.path, edgesOf(file)]))
  const done = new Set<string>()
  const trail: string[] = []
  const findings: Finding[] = []
  const visit = (file: string): void => {
    const at = trail.indexOf(file)
    if (at >= 0) {
      const circle = [...trail.slice(at), file].join(' → ')
      findings.push({ path: file, message: `files import each other in a circle: ${circle}` })
      return
    }
    if (done.has(file)) return
    done.add(file)
    trail.push(file)
    for (const next of graph.get(file) ?? []) visit(next)
    trail.pop()
  }
  for (const file of graph.keys()) visit(file)
  return findings
}

/** Files that must be evaluated before this one; types do not count. */
function edgesOf(file: SourceFile): string[] {
  return importsOf(file)
    .filter((each) => !each.isTypeOnly)
    .map(({ specifier }) => {
      const scoped = /^@kubenest\/([^/]+)\/(.+)$/.exec(specifier)
      if (scoped !== null) return `packages/${scoped[1]}/src/${scoped[2]}.ts`
      return specifier.startsWith('.') ? path.join(path.dirname(file.path), specifier) : ''
    })
    .filter((target) => target !== '')
}
