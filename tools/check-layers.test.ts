import { expect, test } from 'bun:test'
import { checkLayers } from './check-layers.ts'

function check(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }))
  return checkLayers(sources).map((finding) => finding.message)
}

test('checkLayers() lets a product import what the table allows', () => {
  const text = "import { a } from '@kubenest/kube/a'\nimport { z } from './z.ts'\n"
  expect(check({ 'packages/cluster/src/operator/x.ts': text })).toEqual([])
})

test('checkLayers() refuses a product that imports a product', () => {
  const text = "import { a } from '@kubenest/host/a'\n"
  const [message] = check({ 'packages/cluster/src/x.ts': text })
  expect(message).toBe('package cluster may not import host; it may import api, base, kube')
})

test('checkLayers() refuses even the type of a forbidden package', () => {
  const text = "import type { A } from '@kubenest/cluster/a'\n"
  expect(check({ 'packages/kube/src/x.ts': text })).toHaveLength(1)
})

test('checkLayers() lets tests, and only tests, use the fakes of sim', () => {
  const text = "import { fake } from '@kubenest/sim/fake'\n"
  expect(check({ 'packages/kube/src/x.test.ts': text })).toEqual([])
  expect(check({ 'packages/kube/src/x.ts': text })).toHaveLength(1)
})

test('checkLayers() refuses a relative path into another package and an import of itself', () => {
  const around = "import { a } from '../../base/src/a.ts'\n"
  expect(check({ 'packages/kube/src/x.ts': around })[0]).toContain('leaves package kube')
  const itself = "import { a } from '@kubenest/kube/a'\n"
  expect(check({ 'packages/kube/src/x.ts': itself })[0]).toContain('imports itself')
})

test('checkLayers() lets a program embed what stands in deploy, and nothing else outside', () => {
  const unit = "import unit from '../../../deploy/systemd/a.service' with { type: 'text' }\n"
  expect(check({ 'packages/host/src/x.ts': unit })).toEqual([])
  const tool = "import { a } from '../../../tools/a.ts'\n"
  expect(check({ 'packages/host/src/x.ts': tool })[0]).toContain('leaves package host')
})

test('checkLayers() refuses a package without a row', () => {
  expect(check({ 'packages/extra/src/x.ts': '' })[0]).toContain('no row')
})

test('checkLayers() finds a circle through three files and two packages', () => {
  const messages = check({
    'packages/base/src/a.ts': "import { b } from './b.ts'\n",
    'packages/base/src/b.ts': "import { c } from './c.ts'\n",
    'packages/base/src/c.ts': "import { a } from './a.ts'\n",
  })
  expect(messages).toHaveLength(1)
  expect(messages[0]).toContain('a.ts → packages/base/src/b.ts → packages/base/src/c.ts → pack')
})

test('checkLayers() allows a circle of types, which does not exist at run time', () => {
  const files = {
    'packages/base/src/a.ts': "import type { B } from './b.ts'\n",
    'packages/base/src/b.ts': "import { a } from './a.ts'\n",
  }
  expect(check(files)).toEqual([])
})
