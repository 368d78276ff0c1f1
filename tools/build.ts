// `make build`: three executables per target, and links for the names they answer to (ADR 0002).
// Usage: bun tools/build.ts [--target linux-x64|linux-arm64]... [--program NAME]... [--out FOLDER]
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bunRuntime, TARGETS, type Target } from './bun-runtime.ts'
import { outputOf, REPOSITORY } from './repository.ts'

/** Executables, where each starts, and the links that call an applet. */
export const PROGRAMS = {
  'kubenest-cluster': {
    entry: 'packages/cluster/src/main.ts',
    links: ['operator', 'proxy'],
    // Resident in pods with 30 MiB and little to compute: compiled code costs more than it gives.
    jitPolicy: 1000,
  },
  'kubenest-host': {
    entry: 'packages/host/src/main.ts',
    links: ['os-agent', 'hostshell'],
    jitPolicy: 1,
  },
  kubenest: {
    entry: 'packages/workstation/src/main.ts',
    links: ['kbimg', 'kubectl-os'],
    jitPolicy: 1,
  },
} as const

type ProgramName = keyof typeof PROGRAMS

/** What one executable is made from. */
export interface BuildRequest {
  readonly entry: string
  readonly outfile: string
  readonly target: Target
  /** How much more often than usual code must run before it is compiled. @defaultValue 1 */
  readonly jitPolicy?: number
  readonly version: string
  readonly commit: string
}

/** Makes one executable; an earlier one is replaced in one step, so that running copies live on. */
export async function buildExecutable(request: BuildRequest): Promise<void> {
  const folder = path.dirname(request.outfile)
  await fs.mkdir(folder, { recursive: true })
  const scratch = await fs.mkdtemp(path.join(folder, '.build-'))
  // The base name is part of the image: keep it, or two builds of the same source differ.
  const scratchFile = path.join(scratch, path.basename(request.outfile))
  try {
    const result = await Bun.build({
      entrypoints: [path.resolve(REPOSITORY, request.entry)],
      target: 'bun',
      format: 'esm',
      minify: true,
      // Without splitting every call pays for all applets (runtime notes, fact 1).
      splitting: true,
      bytecode: true,
      sourcemap: 'none',
      define: {
        KUBENEST_VERSION: JSON.stringify(request.version),
        KUBENEST_COMMIT: JSON.stringify(request.commit),
        KUBENEST_TARGET: JSON.stringify(request.target),
      },
      compile: {
        target: `bun-${request.target}`,
        outfile: scratchFile,
        executablePath: await bunRuntime(request.target),
        jitPolicy: request.jitPolicy ?? 1,
        // A root program must not run code because of where it was started (fact 3).
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
    })
    if (!result.success) throw new AggregateError(result.logs, `Cannot build ${request.entry}`)
    await fs.rename(scratchFile, request.outfile)
  } finally {
    await fs.rm(scratch, { recursive: true, force: true })
  }
}

async function link(outfile: string, name: string): Promise<void> {
  const place = path.join(path.dirname(outfile), name)
  await fs.rm(place, { force: true })
  await fs.symlink(path.basename(outfile), place)
}

async function buildProgram(name: ProgramName, target: Target, out: string): Promise<void> {
  const outfile = path.join(out, target, name)
  const { entry, links, jitPolicy } = PROGRAMS[name]
  await buildExecutable({ entry, outfile, target, jitPolicy, ...(await identity()) })
  for (const each of links) await link(outfile, each)
  if (target === `linux-${process.arch}`) await proveThatItStarts(outfile)
  console.log(`${path.relative(REPOSITORY, outfile)}${links.map((each) => ` ${each}`).join('')}`)
}

/** A bundle without bytecode or with a foreign runtime still "builds": ask the artefact itself. */
async function proveThatItStarts(outfile: string): Promise<void> {
  const version = await outputOf([outfile, '--version'])
  if (!version.startsWith(`${path.basename(outfile)} `))
    throw new Error(`Cannot use ${outfile}: --version says ${JSON.stringify(version)}`)
}

async function identity(): Promise<{ version: string; commit: string }> {
  const manifest = (await Bun.file(path.join(REPOSITORY, 'package.json')).json()) as {
    version: string
  }
  return {
    version: manifest.version,
    commit: await outputOf(['git', 'rev-parse', '--short', 'HEAD']),
  }
}

function choose<T extends string>(
  all: readonly T[],
  asked: string[] | undefined,
  what: string,
): T[] {
  if (asked === undefined) return [...all]
  return asked.map((name) => {
    const known = all.find((each) => each === name)
    if (known === undefined)
      throw new Error(`Cannot build ${what} "${name}": known are ${all.join(', ')}`)
    return known
  })
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true },
      program: { type: 'string', multiple: true },
      out: { type: 'string', default: 'dist' },
    },
  })
  const out = path.resolve(REPOSITORY, values.out)
  const names = choose(Object.keys(PROGRAMS) as ProgramName[], values.program, 'program')
  for (const target of choose(TARGETS, values.target, 'target'))
    for (const name of names) await buildProgram(name, target, out)
}
