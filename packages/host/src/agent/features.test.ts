// What `status` promises is there.
import { describe, expect, test } from 'bun:test'
import { describeFeatures } from './features.ts'
import { modelNamed } from './settings/models.ts'

describe('describeFeatures()', () => {
  test('names exactly the settings models that are there', () => {
    const { settings } = describeFeatures([])
    for (const name of settings) expect(modelNamed(name).name).toBe(name)
    expect(() => modelNamed('')).toThrow(`this agent knows ${settings.join(', ')}`)
  })

  test('names the methods it is given', () => {
    expect(describeFeatures(['status']).methods).toEqual(['status'])
  })
})
