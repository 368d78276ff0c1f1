// Images of the simulation: four sectors of one byte each. The first sector is the head, without
// which nothing boots.

export const SECTORS = 4
export const SECTOR_BYTES = 512
export const SLOT_BYTES = SECTORS * SECTOR_BYTES

/** How an image behaves when it boots. */
export type Behaviour = 'good' | 'panics' | 'unhealthy' | 'never-ready'

export interface SimImage {
  /** The byte of which it is made: 1 to 255. */
  readonly id: number
  readonly behaviour: Behaviour
  /** Brings the trial units. */
  readonly hasUnits: boolean
}

/** What is promised for an image. */
export function digestOfImage(id: number): string {
  return id.toString(16).padStart(2, '0').repeat(32)
}

/** PRETTY_NAME of an image. */
export function versionOfImage(id: number): string {
  return `v${id}`
}

/** The bytes of an image. */
export function contentOfImage(id: number): Uint8Array {
  return new Uint8Array(SLOT_BYTES).fill(id)
}

/** The image that a slot holds completely. */
export function imageInside(content: Uint8Array | undefined): number | undefined {
  const first = content?.[0]
  if (content === undefined || first === undefined || first === 0) return undefined
  return content.length === SLOT_BYTES && content.every((byte) => byte === first)
    ? first
    : undefined
}

/** GRUB looks at the head only. */
export function isBootable(content: Uint8Array | undefined): boolean {
  return content?.[0] !== undefined && content[0] !== 0
}
