import { expect, test } from 'bun:test'
import { renderManifests } from './lab-manifests.ts'

const manifests = renderManifests({
  imageServer: 'http://127.0.0.1:4711',
  digests: { light: { v2: 'a'.repeat(64), v3: 'b'.repeat(64) } },
})

test('renderManifests() puts this lab’s server and digests into the examples', () => {
  expect(manifests['os-v2.yaml']).toContain('imageurl: http://127.0.0.1:4711/light-v2.img.zst')
  expect(manifests['os-v2.yaml']).toContain(`checksum: "${'a'.repeat(64)}"`)
  expect(manifests['os-v3.yaml']).toContain(`checksum: "${'b'.repeat(64)}"`)
})

test('renderManifests() leaves no example value in any file', () => {
  for (const text of Object.values(manifests)) {
    expect(text).not.toContain('127.0.0.1:8080')
    expect(text).not.toMatch(/"0{20}/)
    expect(text.startsWith('apiVersion:')).toBe(true)
  }
})

test('renderManifests() asks for a rollback without an image', () => {
  expect(manifests['os-rollback.yaml']).toContain('opstype: rollback')
  expect(manifests['os-rollback.yaml']).not.toContain('imageurl')
})

test('renderManifests() puts the objects of both kinds of nodes into one file', () => {
  const digests = { light: { v2: 'a', v3: 'b' }, vm: { v2: 'c'.repeat(64), v3: 'd' } }
  const both = renderManifests({ imageServer: 'http://127.0.0.1:4711', digests })
  const documents = both['os-v2.yaml']?.split('---\n') ?? []
  expect(documents).toHaveLength(2)
  expect(documents[1]).toContain('imageurl: http://10.0.2.2:4711/vm-v2.img.zst')
  expect(documents[1]).toContain(`checksum: "${'c'.repeat(64)}"`)
  expect(Object.keys(both)).not.toContain('os-v4.yaml')
})
