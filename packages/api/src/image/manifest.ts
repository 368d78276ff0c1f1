// `<artefact>.json` beside each artefact, and /usr/lib/kubenest/image.json in the root without
// sizes and digests (decision 23).

export const IMAGE_MANIFEST_FORMAT = 1
/** Version of the trial contract (early unit, gate, deadline, command line) that an image keeps. */
export const TRIAL_CONTRACT_VERSION = 1
/** Path of the manifest inside a root file system. */
export const IMAGE_MANIFEST_PATH = '/usr/lib/kubenest/image.json'
/**
 * Marker inside our agent executable, so that an image with our agent can be told from others
 * (decision 18).
 */
export const AGENT_MARKER_PATH = '/usr/bin/os-agent'

/** One file that a build left beside its manifest. */
export interface ImageArtefact {
  /** File name, relative to the manifest. */
  file: string
  kind: 'tar' | 'raw' | 'raw.zst' | 'oci' | 'disk' | 'qcow2'
  sizeBytes: number
  /** SHA-256 of the bytes on the wire, hex: the documented `checksum`. */
  digest: string
  /** SHA-256 of the slot after decompression, hex; raw kinds only. */
  slotDigest?: string
  /** Size after decompression, bytes; raw kinds only. */
  slotSizeBytes?: number
  /**
   * SHA-256 of a container image's manifest, hex: what a registry shows, and the documented
   * `checksum` of image types docker and containerd; kind oci only.
   */
  imageDigest?: string
}

/** What is inside an image and how to recognise it (decision 23). */
export interface ImageManifest {
  format: number
  name: string
  osversion: string
  architecture: 'x86_64' | 'aarch64'
  layout: 'ab-ext4' | 'ab-verity'
  trialContract: number
  /** RFC 3339, from SOURCE_DATE_EPOCH. */
  builtAt: string
  packages: { name: string; version: string }[]
  artefacts?: ImageArtefact[]
}
