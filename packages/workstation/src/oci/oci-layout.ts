// OCI image layout as files of a folder: blobs, manifest, index. Byte-stable: the same layers give
// the same digests. Times come from the caller, nothing is random.
import { ensureDirectory, writeFile } from '@kubenest/base/files'

/** A layer that already stands in `blobs/sha256`. */
export interface OciLayer {
  readonly mediaType: LayerMediaType
  /** SHA-256 of the bytes of the blob, hex. */
  readonly digest: string
  readonly sizeBytes: number
  /** SHA-256 of the tar before compression, hex. */
  readonly diffId: string
}

export type LayerMediaType =
  | 'application/vnd.oci.image.layer.v1.tar'
  | 'application/vnd.oci.image.layer.v1.tar+gzip'
  | 'application/vnd.oci.image.layer.v1.tar+zstd'

export interface OciImage {
  /** Full name that `ctr images import` gives the image, for example `docker.io/library/a:v1`. */
  readonly name: string
  readonly architecture: 'amd64' | 'arm64'
  /** RFC 3339. */
  readonly createdAt: string
  readonly layers: readonly OciLayer[]
  /** Members of the image's `config`: User, Entrypoint, Env, Labels. */
  readonly config: Readonly<Record<string, unknown>>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/**
 * Writes config, manifest, `index.json` and `oci-layout` into a folder that holds the layers'
 * blobs.
 */
export async function writeOciLayout(folder: string, image: OciImage): Promise<{ digest: string }> {
  const config = await writeBlob(folder, 'application/vnd.oci.image.config.v1+json', {
    created: image.createdAt,
    architecture: image.architecture,
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => `sha256:${layer.diffId}`) },
    history: image.layers.map(() => ({ created: image.createdAt, created_by: 'kubenest' })),
  })
  const manifest = await writeBlob(folder, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: image.layers.map((layer) => ({
      mediaType: layer.mediaType,
      digest: `sha256:${layer.digest}`,
      size: layer.sizeBytes,
    })),
  })
  const reference = image.name.split(':').at(-1) ?? 'latest'
  const annotations = {
    'io.containerd.image.name': image.name,
    'org.opencontainers.image.ref.name': reference,
  }
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      { ...manifest, platform: { architecture: image.architecture, os: 'linux' }, annotations },
    ],
  }
  await writeFile(`${folder}/index.json`, JSON.stringify(index))
  await writeFile(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}')
  return { digest: manifest.digest }
}

/** Writes bytes under their digest; returns it, hex. */
export async function writeBlobBytes(folder: string, bytes: Uint8Array): Promise<string> {
  const digest = await sha256Hex(bytes)
  await ensureDirectory(`${folder}/blobs/sha256`)
  await writeFile(`${folder}/blobs/sha256/${digest}`, bytes)
  return digest
}

async function writeBlob(folder: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return { mediaType, digest: `sha256:${await writeBlobBytes(folder, bytes)}`, size: bytes.length }
}

/** SHA-256, hex. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))
  return Buffer.from(digest).toString('hex')
}

/**
 * The name with registry and tag that container runtimes expect: `a` is
 * `docker.io/library/a:latest`.
 */
export function fullImageName(name: string): string {
  const tagged = /:[^/]+$/.test(name) ? name : `${name}:latest`
  const first = tagged.split('/')[0] ?? ''
  if (tagged.includes('/') && (/[.:]/.test(first) || first === 'localhost')) return tagged
  return tagged.includes('/') ? `docker.io/${tagged}` : `docker.io/library/${tagged}`
}
