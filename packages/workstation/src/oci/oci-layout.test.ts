// Byte stability of our OCI writer: the digest of the same input never changes by itself.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import {
  fullImageName,
  type OciImage,
  sha256Hex,
  writeBlobBytes,
  writeOciLayout,
} from './oci-layout.ts'

const IMAGE: OciImage = {
  name: 'docker.io/library/a:v1',
  architecture: 'amd64',
  createdAt: '2026-01-01T00:00:00Z',
  config: { User: '6552' },
  layers: [
    {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: 'aa',
      sizeBytes: 2,
      diffId: 'bb',
    },
  ],
}

test('writeOciLayout() writes the same bytes every time', async () => {
  const digests = []
  for (let round = 0; round < 2; round++) {
    const folder = await fs.mkdtemp('/tmp/oci-test-')
    await fs.mkdir(`${folder}/blobs/sha256`, { recursive: true })
    digests.push((await writeOciLayout(folder, IMAGE)).digest)
    await fs.rm(folder, { recursive: true })
  }
  expect(digests[0]).toBe(digests[1] ?? '')
  expect(digests[0]).toBe('sha256:229fdedcf18afe2f19a781c94fc7a5ed9208a309f38feded088d0a1f69052358')
})

test('writeOciLayout() names the image for containerd and stores what the index points to', async () => {
  const folder = await fs.mkdtemp('/tmp/oci-test-')
  await writeBlobBytes(folder, new TextEncoder().encode('layer'))
  await writeOciLayout(folder, IMAGE)
  const index = JSON.parse(await fs.readFile(`${folder}/index.json`, 'utf8'))
  expect(index.manifests[0].annotations['io.containerd.image.name']).toBe('docker.io/library/a:v1')
  for (const name of await fs.readdir(`${folder}/blobs/sha256`))
    expect(await sha256Hex(await fs.readFile(`${folder}/blobs/sha256/${name}`))).toBe(name)
  await fs.rm(folder, { recursive: true })
})

test('fullImageName() is what container runtimes make of a short name', () => {
  expect(fullImageName('a')).toBe('docker.io/library/a:latest')
  expect(fullImageName('a:v1')).toBe('docker.io/library/a:v1')
  expect(fullImageName('b/a:v1')).toBe('docker.io/b/a:v1')
  expect(fullImageName('registry.example:5000/a')).toBe('registry.example:5000/a:latest')
  expect(fullImageName('localhost/a:v1')).toBe('localhost/a:v1')
})
