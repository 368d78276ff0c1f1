import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { OsError } from '@kubenest/base/errors'
import { parseSettingsFile } from './settings-file.ts'

const OS_OBJECT = `
apiVersion: upgrade.openeuler.org/v1alpha1
kind: OS
metadata: {name: os-sample}
spec:
  opstype: config
  sysconfigs:
    version: edge
    configs:
      - model: kernel.sysctl
        contents:
          - key: vm.swappiness
            value: 10
          - {key: kernel.panic, operation: delete}
      - model: kernel.sysctl.persist
        configpath: /etc/sysctl.d/90-x.conf
        contents: []
`
const PARSED = {
  configs: [
    {
      model: 'kernel.sysctl',
      config_path: '',
      contents: {
        'vm.swappiness': { value: 10, operation: '' },
        'kernel.panic': { value: null, operation: 'delete' },
      },
    },
    { model: 'kernel.sysctl.persist', config_path: '/etc/sysctl.d/90-x.conf', contents: {} },
  ],
}

describe('parseSettingsFile()', () => {
  test('takes an OS object as one applies it', () => {
    expect(parseSettingsFile(OS_OBJECT)).toEqual(PARSED)
  })

  test('takes the parameter of configure, in JSON', () => {
    expect(parseSettingsFile(JSON.stringify(PARSED))).toEqual(PARSED)
  })

  test('takes upgradeconfigs of an object that upgrades', () => {
    const text = OS_OBJECT.replace('opstype: config', 'opstype: upgrade')
    expect(parseSettingsFile(text)).toEqual(PARSED)
    expect(parseSettingsFile(text.replace('sysconfigs', 'upgradeconfigs'))).toEqual(PARSED)
  })

  test.each([
    ['', 'the file must be an object'],
    ['spec: 1', 'spec must be an object'],
    ['spec: {}', 'no list "configs"'],
    ['configs: [1]', 'configs[0] must be an object'],
    ['configs: [{contents: []}]', 'configs[0].model must be a string'],
    ['configs: [{model: m, contents: [{key: 1}]}]', 'configs[0].contents[0].key must be a string'],
    ['configs: [{model: m, contents: [{key: a, operation: 1}]}]', 'the operation of configs[0] a'],
    ['a: [', 'Cannot read the settings file'],
    ['a: &a [x]\nb: *a\n', 'Cannot read the settings file'],
  ])('refuses %j and says why', (text, reason) => {
    expect(() => parseSettingsFile(text)).toThrow(reason)
  })

  test('keeps a key named __proto__ as a plain key', () => {
    const text = 'configs: [{model: m, contents: [{key: __proto__, value: 1}]}]'
    const [config] = parseSettingsFile(text).configs
    expect(Object.keys(config?.contents ?? {})).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(config?.contents)).toBe(Object.prototype)
  })

  test('gives a value or an error of its own for any text', () => {
    const words = fc.constantFrom('spec', 'configs', 'model', 'key', ':', '-', '[', '{', '\n', ' ')
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 4 }))), (parts) => {
        try {
          parseSettingsFile(parts.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(OsError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
