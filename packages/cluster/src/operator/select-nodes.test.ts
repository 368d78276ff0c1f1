import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  isLabelValue,
  isSelected,
  olderOverlap,
  sameSelector,
  selectNodes,
} from './select-nodes.ts'
import { sampleNode, sampleOs } from '../../test/sample-facts.ts'

const nodes = [
  sampleNode('n1'),
  sampleNode('n2', { selectorLabel: '' }),
  sampleNode('n3', { selectorLabel: 'x' }),
  sampleNode('n4', { selectorLabel: 'x', isControlPlane: true }),
]

describe('selectNodes()', () => {
  const cases: [string, string[]][] = [
    ['no-label', ['n1']],
    ['', ['n2']],
    ['x', ['n3']],
    ['all-label', ['n1', 'n2', 'n3']],
    ['bad value!', []],
    ['y', []],
  ]
  for (const [selector, names] of cases)
    test(`selectNodes() B6 takes ${names.join(', ') || 'nothing'} for ${JSON.stringify(selector)}`, () => {
      expect(selectNodes(selector, nodes).map(({ name }) => name)).toEqual(names)
    })

  test('selectNodes() puts every worker node into exactly one class beside all-label', () => {
    const label = fc.option(fc.constantFrom('', 'a', 'b', 'no-label'), { nil: undefined })
    fc.assert(
      fc.property(label, fc.boolean(), (selectorLabel, isControlPlane) => {
        const node = { selectorLabel, isControlPlane }
        const classes = ['no-label', '', 'a', 'b'].filter((selector) => isSelected(selector, node))
        const expected = isControlPlane || selectorLabel === 'no-label' ? 0 : 1
        expect(classes.length).toBe(expected)
        expect(isSelected('all-label', node)).toBe(!isControlPlane)
      }),
    )
  })

  test('isLabelValue() follows the rules of Kubernetes', () => {
    expect(['', 'a', 'A-b_c.9', 'a'.repeat(63)].every(isLabelValue)).toBe(true)
    expect(['-a', 'a-', 'a b', 'ä', 'a'.repeat(64)].some(isLabelValue)).toBe(false)
  })
})

describe('sameSelector()', () => {
  test('sameSelector() finds other objects with the same text only', () => {
    const os = sampleOs()
    const others = [
      sampleOs({ key: 'default/b' }),
      sampleOs({ key: 'default/c', nodeSelector: 'x' }),
    ]
    expect(sameSelector(os, others).map(({ key }) => key)).toEqual(['default/b'])
  })
})

describe('olderOverlap()', () => {
  const all = sampleOs({
    key: 'default/all',
    nodeSelector: 'all-label',
    createdAt: '2026-01-02T00:00:00Z',
  })
  const part = sampleOs({ key: 'default/part', createdAt: '2026-01-01T00:00:00Z' })

  test('olderOverlap() blocks the newer of two and never the older', () => {
    expect(olderOverlap(all, [part], nodes)?.node).toBe('n1')
    expect(olderOverlap(part, [all], nodes)).toBeUndefined()
  })

  test('olderOverlap() needs a common node and an all-label', () => {
    expect(olderOverlap(all, [part], nodes.slice(1))).toBeUndefined()
    const other = sampleOs({
      key: 'default/x',
      nodeSelector: 'x',
      createdAt: '2026-01-02T00:00:00Z',
    })
    expect(olderOverlap(other, [part], nodes)).toBeUndefined()
    expect(olderOverlap(all, [], nodes)).toBeUndefined()
  })
})
