// The Bun executable that a compiled program is made of, per target, from the pinned npm packages.
// The one of another architecture is fetched once into the cache folder; later builds are offline.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { cacheFolder, REPOSITORY, runLoudly } from './repository.ts'

/** What we build for. */
export const TARGETS = ['linux-x64', 'linux-arm64'] as const
export type Target = (typeof TARGETS)[number]

const PACKAGES: Readonly<Record<Target, string>> = {
  'linux-x64': '@oven/bun-linux-x64',
  'linux-arm64': '@oven/bun-linux-aarch64',
}

/** Path of the runtime for a target; the version is the one that root package.json pins. */
export async function bunRuntime(target: Target): Promise<string> {
  const name = PACKAGES[target]
  const installed = path.join(REPOSITORY, 'node_modules', name, 'bin/bun')
  if (await exists(installed)) return installed
  const version = await pinnedVersion()
  const folder = path.join(cacheFolder(process.env), 'bun-runtime', version)
  const cached = path.join(folder, 'node_modules', name, 'bin/bun')
  if (await exists(cached)) return cached
  await fs.mkdir(folder, { recursive: true })
  // --force: npm refuses packages of another architecture otherwise.
  const flags = ['--force', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'] as const
  await runLoudly(['npm', 'install', '--prefix', folder, ...flags, `${name}@${version}`])
  if (await exists(cached)) return cached
  throw new Error(`Cannot build for ${target}: ${name}@${version} holds no bin/bun`)
}

async function pinnedVersion(): Promise<string> {
  const file = path.join(REPOSITORY, 'package.json')
  const manifest = (await Bun.file(file).json()) as { devDependencies: Record<string, string> }
  const version = manifest.devDependencies[PACKAGES['linux-x64']]
  if (version === undefined) throw new Error(`Cannot choose a runtime: ${file} pins none`)
  return version
}

function exists(file: string): Promise<boolean> {
  return Bun.file(file).exists()
}
