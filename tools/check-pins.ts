// The same bytes for everybody: every dependency is pinned exactly, and the lock file covers the
// packages and names no machine of ours.
import type { Finding, SourceFile } from './source-files.ts'

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/
const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
const LOCK = 'package-lock.json'

type Manifest = Readonly<Record<string, unknown>>

/** Problems of package.json files and of the lock file. */
export function checkPins(files: readonly SourceFile[]): Finding[] {
  const manifests = files.filter(({ path }) => /(^|\/)package\.json$/.test(path))
  const lock = files.find(({ path }) => path === LOCK)
  if (lock === undefined) return [{ path: LOCK, message: 'is missing: run npm install' }]
  return [...manifests.flatMap((file) => checkManifest(file, lock)), ...checkLock(lock)]
}

function checkManifest({ path, text }: SourceFile, lock: SourceFile): Finding[] {
  const locked = record(record(parse(lock.text)['packages'])[path.replace(/\/?package\.json$/, '')])
  return SECTIONS.flatMap((section) => {
    const wanted = record(parse(text)[section])
    const known = record(locked[section])
    return Object.entries(wanted).flatMap(([name, version]) => {
      const range = String(version)
      if (!EXACT.test(range))
        return [{ path, message: `${name} is "${range}": pin one version, without range` }]
      if (known[name] !== range)
        return [{ path, message: `${name} ${range} is not in ${LOCK}: run npm install` }]
      return []
    })
  })
}

/**
 * Packages are found by name and integrity; a recorded address would bind everybody to one
 * registry.
 */
function checkLock({ path, text }: SourceFile): Finding[] {
  const packages = record(parse(text)['packages'])
  return Object.entries(packages).flatMap(([name, value]) => {
    const { resolved, integrity, link } = record(value)
    const findings: Finding[] = []
    if (typeof resolved === 'string' && resolved.includes('://'))
      findings.push({
        path,
        message: `${name} names a registry: set omit-lockfile-registry-resolved`,
      })
    if (name.startsWith('node_modules/') && link !== true && typeof integrity !== 'string')
      findings.push({ path, message: `${name} has no integrity` })
    return findings
  })
}

function parse(text: string): Manifest {
  return record(JSON.parse(text))
}

function record(value: unknown): Manifest {
  return typeof value === 'object' && value !== null ? (value as Manifest) : {}
}
