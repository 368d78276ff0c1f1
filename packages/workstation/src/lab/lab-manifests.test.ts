import { expect, test } from 'bun:test'
import { renderManifests } from './lab-manifests.ts'

const manifests = renderManifests({
  imageServer: 'http://127.0.0.1:4711',
  digests: { v2: 'a'.repeat(64), v3: 'b'.repeat(64) },
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
