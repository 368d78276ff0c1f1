import { expect, test } from 'bun:test'
import { parse } from 'yaml'
import original from '../../../../deploy/compat/proxy.yaml' with { type: 'text' }
import { renderProxyDaemonSet } from './vm-proxy.ts'

test('renderProxyDaemonSet() changes image, pull policy and node selector, nothing else', () => {
  const wanted = parse(original)
  const spec = wanted.spec.template.spec
  spec.nodeSelector = { 'upgrade.openeuler.org/node-selector': 'vm' }
  spec.containers[0].image = 'kubenest-proxy:lab'
  spec.containers[0].imagePullPolicy = 'Never'
  expect(parse(renderProxyDaemonSet())).toEqual(wanted)
})
