// Container images for tests, pushed over the registry's own API: one layer, which holds /os.tar.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { pack, type Header } from 'tar-stream'

export interface LayerEntry extends Partial<Header> {
  readonly name: string
  readonly content?: Uint8Array | string
}

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json'

/** SHA-256, hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Pushes an image with these files; returns the digest of its manifest, hex. */
export async function pushImage(
  port: number,
  name: string,
  tag: string,
  entries: readonly LayerEntry[],
): Promise<string> {
  const base = `http://127.0.0.1:${port}/v2/${name}`
  const tar = await tarOf(entries)
  const layer = gzipSync(tar, { level: 1 })
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/os.tar'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(tar)}`] },
  })
  await pushBlob(base, layer)
  await pushBlob(base, Buffer.from(config))
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: describe('application/vnd.docker.container.image.v1+json', Buffer.from(config)),
    layers: [describe('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
  })
  await must(
    fetch(`${base}/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'Content-Type': MANIFEST_TYPE },
      body: manifest,
    }),
  )
  return sha256(manifest)
}

function describe(mediaType: string, bytes: Uint8Array) {
  return { mediaType, size: bytes.length, digest: `sha256:${sha256(bytes)}` }
}

async function pushBlob(base: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const upload = await must(fetch(`${base}/blobs/uploads/`, { method: 'POST' }))
  const target = new URL(upload.headers.get('location') ?? '', base)
  target.searchParams.set('digest', `sha256:${sha256(bytes)}`)
  const headers = { 'Content-Type': 'application/octet-stream' }
  await must(fetch(target, { method: 'PUT', headers, body: bytes }))
}

async function must(task: Promise<Response>): Promise<Response> {
  const response = await task
  if (!response.ok) throw new Error(`registry: ${response.status} ${await response.text()}`)
  return response
}

async function tarOf(entries: readonly LayerEntry[]): Promise<Buffer> {
  const packer = pack()
  const chunks: Uint8Array[] = []
  const done = (async () => {
    for await (const chunk of packer) chunks.push(chunk as Uint8Array)
  })()
  for (const { content, ...header } of entries)
    packer.entry({ mode: 0o644, ...header }, Buffer.from(content ?? ''))
  packer.finalize()
  await done
  return Buffer.concat(chunks)
}
