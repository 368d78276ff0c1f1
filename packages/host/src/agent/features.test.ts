// What `status` promises is there.
import { describe, expect, test } from 'bun:test'
import { describeFeatures } from './features.ts'
import { modelNamed } from './settings/models.ts'

describe('describeFeatures()', () => {
  test('promises no settings model that is not there', () => {
    for (const name of describeFeatures([]).settings) expect(modelNamed(name).name).toBe(name)
  })

  test('names the methods it is given', () => {
    expect(describeFeatures(['status']).methods).toEqual(['status'])
  })
})
