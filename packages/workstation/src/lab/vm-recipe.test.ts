import { expect, test } from 'bun:test'
import { parse } from 'yaml'
import { parseConfig } from '../kbimg/parse-config.ts'
import { RECIPE_FILES, renderVmConfig, VM_VERSIONS } from './vm-recipe.ts'

const OPTIONS = { imageType: 'vm-img', architecture: 'x86_64', strict: true } as const
/** What vm-images.ts brings beside the recipe. */
const BUILT = ['./kubelet', './images']

test.each(VM_VERSIONS)('renderVmConfig() gives kbimg a valid configuration of %s', (version) => {
  const { config } = parseConfig(renderVmConfig(version), OPTIONS)
  expect(config.repo.version).toBe(version)
  expect(config.disk).toEqual({ rootMib: 640, imageGib: 4 })
})

test('RECIPE_FILES holds every file that a version copies', () => {
  for (const version of VM_VERSIONS)
    for (const { source } of parseConfig(renderVmConfig(version), OPTIONS).config.copies) {
      const path = source.replace(/^\.\//, '').replace(/\.$/, '')
      const known = Object.keys(RECIPE_FILES).some((file) => file.startsWith(path))
      expect([source, known || BUILT.includes(source)]).toEqual([source, true])
    }
})

test('RECIPE_FILES holds every unit that is enabled', () => {
  const { services } = parseConfig(renderVmConfig('v1'), OPTIONS).config
  const own = services.filter((name) => name.startsWith('lab-'))
  expect(own.length).toBeGreaterThan(2)
  for (const name of own) expect(RECIPE_FILES).toHaveProperty([`lab-vm/units/${name}.service`])
})

test('renderVmConfig() adds exactly one fault to v3 and to v4', () => {
  const copies = VM_VERSIONS.map(
    (version) => parseConfig(renderVmConfig(version), OPTIONS).config.copies.length,
  )
  const [first = 0] = copies
  expect(copies).toEqual([first, first, first + 1, first + 1])
})

test('RECIPE_FILES configures kubelet without a key that stands twice', () => {
  const text = RECIPE_FILES['lab-vm/kubelet/config.yaml'] ?? ''
  expect(parse(text)).toMatchObject({ kind: 'KubeletConfiguration', resolvConf: '' })
})
