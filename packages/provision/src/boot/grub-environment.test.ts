// The block codec: what it renders it reads, and it refuses what GRUB would not load.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  changeGrubEnvironment,
  GrubEnvironmentError,
  isGrubEnvironment,
  parseGrubEnvironment,
  renderGrubEnvironment,
} from './grub-environment.ts'

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,12}$/)
const value = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 20 })
  .map((bytes) => String.fromCharCode(...bytes))
const environments = fc
  .array(fc.tuple(name, value), { maxLength: 6 })
  .map((entries) => new Map(entries))

describe('renderGrubEnvironment()', () => {
  test('renderGrubEnvironment() is undone by parseGrubEnvironment()', () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const block = renderGrubEnvironment(environment)
        expect(block.length).toBe(1024)
        expect([...parseGrubEnvironment(block)]).toEqual([...environment])
      }),
    )
  })

  test('renderGrubEnvironment() touches only the first sector', () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const block = renderGrubEnvironment(environment)
        expect(block.subarray(512).every((byte) => byte === 0x23)).toBe(true)
      }),
    )
  })

  test('renderGrubEnvironment() refuses variables beyond the first sector', () => {
    const big = new Map([['saved_entry', 'A'.repeat(512)]])
    expect(codeOf(() => renderGrubEnvironment(big))).toBe('grubenv-full')
  })

  test('renderGrubEnvironment() refuses names and values that GRUB cannot hold', () => {
    expect(codeOf(() => renderGrubEnvironment(new Map([['a=b', '1']])))).toBe('grubenv-name')
    expect(codeOf(() => renderGrubEnvironment(new Map([['a', '\u4e2d']])))).toBe('grubenv-value')
  })
})

describe('parseGrubEnvironment()', () => {
  test('parseGrubEnvironment() refuses a wrong size and a wrong signature', () => {
    expect(codeOf(() => parseGrubEnvironment(new Uint8Array(0)))).toBe('grubenv-size')
    expect(codeOf(() => parseGrubEnvironment(new Uint8Array(1024)))).toBe('grubenv-header')
  })

  test('parseGrubEnvironment() skips comments, also those with a backslash at the end', () => {
    const text = '# GRUB Environment Block\n# note \\\nsaved_entry=B\n'
    const block = new TextEncoder().encode(text.padEnd(1024, '#'))
    expect([...parseGrubEnvironment(block)]).toEqual([['saved_entry', 'B']])
  })

  test('parseGrubEnvironment() never accepts a random block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1024, maxLength: 1024 }), (block) => {
        expect(isGrubEnvironment(block)).toBe(false)
      }),
    )
  })
})

describe('changeGrubEnvironment()', () => {
  test('changeGrubEnvironment() sets, replaces and removes, and keeps the rest', () => {
    const before = new Map([
      ['saved_entry', 'A'],
      ['foreign', 'x'],
      ['next_entry', 'B'],
    ])
    const after = changeGrubEnvironment(before, { saved_entry: 'B', next_entry: undefined })
    expect([...after]).toEqual([
      ['saved_entry', 'B'],
      ['foreign', 'x'],
    ])
  })
})

function codeOf(task: () => unknown): string | undefined {
  try {
    task()
    return undefined
  } catch (error) {
    return error instanceof GrubEnvironmentError ? error.code : String(error)
  }
}
