// F-03: the real GRUB takes what settings make of a menu: 200 edited menus through
// grub-script-check, and samples through grub-emu, which must boot the right slot with the words
// that were asked for.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { systemExec } from '@kubenest/base/system-exec'
import { renderCustomConfig, renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { planSettings, targetsOfSettings } from '../../src/agent/settings/plan-settings.ts'
import type { BootFacts } from '../../src/agent/settings/setting-model.ts'
import { createGrubOracle, type GrubOracle } from '../grub-oracle.ts'
import { PARTUUIDS } from './scene.ts'

setDefaultTimeout(300_000)

const SAMPLES = 200
const MENU = '/boot/efi/EFI/openEuler/grub.cfg'
const OWN = renderGrubConfig({ partuuidA: PARTUUIDS.a, partuuidB: PARTUUIDS.b })
const CUSTOM = renderCustomConfig({ partuuidA: PARTUUIDS.a, partuuidB: PARTUUIDS.b })

let folder: string
let oracle: GrubOracle
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(tmpdir(), 'grub-accepts-'))
  oracle = await createGrubOracle(path.join(folder, 'oracle'))
}, 120_000)
afterAll(() => fs.rm(folder, { recursive: true }))

function edit(menu: string, which: 'current' | 'next', words: Record<string, string>): string {
  const facts = { boot: { menus: [MENU], booted: 'A', slotOfRoot: new Map() } satisfies BootFacts }
  const contents = Object.entries(words).map(([key, value]) => [key, { value, operation: '' }])
  const entry: ConfigureEntry = {
    model: `grub.cmdline.${which}`,
    config_path: '',
    contents: Object.fromEntries(contents) as ConfigureEntry['contents'],
  }
  targetsOfSettings([entry], facts)
  return planSettings([entry], new Map([[MENU, menu]]), facts).changes[0]?.content ?? menu
}

const key = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,12}$/).map((each) => `x${each}`)
const value = fc.stringMatching(/^[A-Za-z0-9_.,:=/@%+^~!-]{0,20}$/)
const words = fc.dictionary(key, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true })

describe('menus edited by settings', () => {
  test('200 of them are scripts for grub-script-check', async () => {
    const samples = fc.sample(
      fc.tuple(words, fc.constantFrom('current', 'next'), fc.constantFrom(OWN, CUSTOM)),
      SAMPLES,
    )
    for (const [wanted, which, menu] of samples) {
      const checked = await systemExec.run({
        argv: ['grub-script-check'],
        stdin: edit(menu, which, wanted),
      })
      expect([checked.exitCode, checked.stderr, wanted]).toEqual([0, '', wanted])
    }
  })

  test('grub-emu boots each entry with its own words, the other one without', async () => {
    for (const wanted of fc.sample(words, 4)) {
      const menu = edit(edit(OWN, 'current', wanted), 'next', { audit: '7' })
      const boots = async (saved: string) =>
        oracle.ask({
          files: {
            'grub.cfg': menu,
            grubenv: renderGrubEnvironment(new Map([['saved_entry', saved]])),
          },
          kernels: { a: true, b: true },
        })
      const asked = Object.entries(wanted).map(([name, text]) =>
        text === '' ? name : `${name}=${text}`,
      )
      const [a, b] = [await boots('A'), await boots('B')]
      expect([a.slot, b.slot]).toEqual(['A', 'B'])
      expect(a.kernelArguments).toEqual(expect.arrayContaining(asked) as string[])
      expect(a.kernelArguments).not.toContain('audit=7')
      expect(b.kernelArguments).toContain('audit=7')
    }
  })

  test('DEC 25: a trial boot has panic=3 after whatever the settings say', async () => {
    const menu = edit(OWN, 'next', { panic: '0' })
    const environment = new Map([
      ['saved_entry', 'A'],
      ['next_entry', 'B'],
    ])
    const answer = await oracle.ask({
      files: { 'grub.cfg': menu, grubenv: renderGrubEnvironment(environment) },
      kernels: { a: true, b: true },
    })
    expect(answer.slot).toBe('B')
    expect(answer.kernelArguments.filter((each) => each.startsWith('panic='))).toEqual([
      'panic=0',
      'panic=3',
    ])
  })
})
