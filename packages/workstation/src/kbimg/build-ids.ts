// GUIDs that follow from a name: the same input gives the same disk, byte for byte where tools
// allow.
import type { BuildIds } from './build.ts'
import type { ImageConfig } from './config.ts'
import { planPackages } from './plan-image.ts'

/** All GUIDs of a build: they follow from version, packages, sizes and time. */
export async function deriveBuildIds(
  config: ImageConfig,
  builtAtSeconds: number,
): Promise<BuildIds> {
  const packages = planPackages(config)
  const input = JSON.stringify([config.repo.version, packages, config.disk, builtAtSeconds])
  return {
    disk: await deriveUuid(input, 'disk'),
    boot: await deriveUuid(input, 'boot'),
    rootA: await deriveUuid(input, 'root-a'),
    rootB: await deriveUuid(input, 'root-b'),
    persist: await deriveUuid(input, 'persist'),
    fileSystem: await deriveUuid(input, 'file-system'),
  }
}

/** A version 8 UUID (free form) from a hash, lower case. */
async function deriveUuid(input: string, name: string): Promise<string> {
  const text = new TextEncoder().encode(`kubenest ${name} ${input}`)
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', text)).slice(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
