// Our boot menu, and our custom.cfg beside a menu made by others, judged by the real GRUB.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { renderCustomConfig, renderGrubConfig } from '@kubenest/provision/boot/grub-config'
import {
  parseGrubEnvironment,
  renderGrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import { FOREIGN_MENU } from './foreign-menu.ts'
import { createGrubOracle, type GrubAnswer, type GrubOracle } from './grub-oracle.ts'

const partuuidA = '11111111-1111-4111-8111-111111111111'
const partuuidB = '22222222-2222-4222-8222-222222222222'
const both = { a: true, b: true }
const menu = renderGrubConfig({ partuuidA, partuuidB, menuTimeoutSeconds: 0 })
const custom = renderCustomConfig({ partuuidA, partuuidB })

let folder = ''
let oracle: GrubOracle

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'grub-menu-'))
  oracle = await createGrubOracle(folder)
})
afterAll(() => fs.rm(folder, { recursive: true }))

function environment(values: Record<string, string>): Uint8Array {
  return renderGrubEnvironment(new Map(Object.entries(values)))
}

function isTrial(answer: GrubAnswer): boolean {
  return answer.kernelArguments.includes('kubenest.trial=1')
}

function source(answer: GrubAnswer): string | undefined {
  return answer.kernelArguments.find((word) => word.startsWith('kubenest.env='))
}

/** The pause before a restart is for people. */
function withoutPause(text: string): string {
  expect(text).toContain('\n  sleep 30\n  reboot\n')
  return text.replace('sleep 30', 'sleep 1')
}

describe('renderGrubConfig()', () => {
  for (const [slot, partuuid] of [
    ['A', partuuidA],
    ['B', partuuidB],
  ] as const) {
    test(`renderGrubConfig() boots the saved slot ${slot} with its own root`, async () => {
      const files = { 'grub.cfg': menu, grubenv: environment({ saved_entry: slot }) }
      const answer = await oracle.ask({ files, kernels: both })
      expect(answer.slot).toBe(slot)
      expect(answer.kernelArguments).toContain(`root=PARTUUID=${partuuid}`)
      expect(source(answer)).toBe('kubenest.env=primary')
      expect(isTrial(answer)).toBe(false)
    })
  }

  test('renderGrubConfig() boots a trial once and the saved slot after it', async () => {
    const armed = environment({ saved_entry: 'A', next_entry: 'B' })
    const trial = await oracle.ask({ files: { 'grub.cfg': menu, grubenv: armed }, kernels: both })
    expect([trial.slot, isTrial(trial)]).toEqual(['B', true])
    expect(trial.kernelArguments.at(-1)).toBe('panic=3')
    const left = trial.environmentAfter ?? new Uint8Array()
    expect(parseGrubEnvironment(left).get('next_entry')).toBe('')
    const after = await oracle.ask({ files: { 'grub.cfg': menu, grubenv: left }, kernels: both })
    expect([after.slot, isTrial(after)]).toEqual(['A', false])
  })

  const bad: [string, Record<string, Uint8Array>][] = [
    ['missing', {}],
    ['empty', { grubenv: new Uint8Array(0) }],
    ['without signature', { grubenv: new Uint8Array(1024).fill(0x41) }],
    ['naming no slot', { grubenv: environment({ next_entry: 'A' }) }],
  ]
  for (const [what, files] of bad) {
    test(`renderGrubConfig() uses the backup when grubenv is ${what}, and starts no trial`, async () => {
      const backup = environment({ saved_entry: 'B', next_entry: 'A' })
      const all = { 'grub.cfg': menu, ...files, 'grubenv.bak': backup }
      const answer = await oracle.ask({ files: all, kernels: both })
      expect([answer.slot, isTrial(answer), source(answer)]).toEqual([
        'B',
        false,
        'kubenest.env=backup',
      ])
    })

    test(`renderGrubConfig() boots A when grubenv is ${what} and the backup is bad too`, async () => {
      const all = { 'grub.cfg': menu, ...files, 'grubenv.bak': new Uint8Array(1024) }
      const answer = await oracle.ask({ files: all, kernels: both })
      expect([answer.slot, source(answer)]).toEqual(['A', 'kubenest.env=none'])
    })
  }

  test('renderGrubConfig() falls back when the saved slot has no kernel', async () => {
    const files = { 'grub.cfg': menu, grubenv: environment({ saved_entry: 'B' }) }
    const answer = await oracle.ask({ files, kernels: { a: true, b: false } })
    expect(answer.slot).toBe('A')
  }, 20_000)

  test('renderGrubConfig() falls back without the trial mark when the trial slot has no kernel', async () => {
    const armed = environment({ saved_entry: 'A', next_entry: 'B' })
    const files = { 'grub.cfg': menu, grubenv: armed }
    const answer = await oracle.ask({ files, kernels: { a: true, b: false } })
    expect([answer.slot, isTrial(answer)]).toEqual(['A', false])
  }, 20_000)

  test('renderGrubConfig() restarts the machine when neither slot has a kernel', async () => {
    for (const variables of [{ saved_entry: 'A' }, { saved_entry: 'A', next_entry: 'B' }]) {
      const files = { 'grub.cfg': withoutPause(menu), grubenv: environment(variables) }
      const answer = await oracle.ask({ files, kernels: { a: false, b: false } })
      expect([answer.slot, answer.restarts]).toEqual(['none', true])
    }
  }, 60_000)

  test('renderGrubConfig() boots no trial when next_entry cannot be cleared', async () => {
    const armed = environment({ saved_entry: 'A', next_entry: 'B' })
    const files = { 'grub.cfg': menu, grubenv: armed }
    const answer = await oracle.ask({ files, kernels: both, isReadOnly: true })
    expect([answer.slot, isTrial(answer)]).toEqual(['A', false])
    expect(answer.environmentAfter).toEqual(armed)
  })

  test('renderGrubConfig() keeps the documented shape of kernel lines', () => {
    const lines = menu.split('\n').filter((line) => /^\s*linux\S*\s/.test(line))
    expect(lines.map((line) => /root=\S+/.exec(line)?.[0])).toEqual([
      `root=PARTUUID=${partuuidA}`,
      `root=PARTUUID=${partuuidB}`,
    ])
    expect(menu).toContain("menuentry 'A' --class kubeos --unrestricted --id KubeOS-A {")
    expect(renderGrubConfig({ partuuidA, partuuidB })).toContain('set timeout=5\n')
  })

  describe('on an msdos disk', () => {
    const ids = { partuuidA: '0badcafe-02', partuuidB: '0badcafe-03' }
    const legacy = renderGrubConfig({ ...ids, menuTimeoutSeconds: 0 })
    const ask = (variables: Record<string, string>, kernels = both, isReadOnly = false) =>
      oracle.ask({
        files: { 'grub.cfg': legacy, grubenv: environment(variables) },
        kernels,
        isReadOnly,
        firmware: 'legacy',
      })

    test('renderGrubConfig() boots the saved slot from msdos partitions', async () => {
      for (const [slot, id] of [
        ['A', ids.partuuidA],
        ['B', ids.partuuidB],
      ] as const) {
        const answer = await ask({ saved_entry: slot })
        expect([answer.slot, source(answer)]).toEqual([slot, 'kubenest.env=primary'])
        expect(answer.kernelArguments).toContain(`root=PARTUUID=${id}`)
      }
    })

    test('renderGrubConfig() clears next_entry on ext4, once and in place', async () => {
      const trial = await ask({ saved_entry: 'A', next_entry: 'B' })
      expect([trial.slot, isTrial(trial)]).toEqual(['B', true])
      const left = trial.environmentAfter ?? new Uint8Array()
      expect([left.length, parseGrubEnvironment(left).get('next_entry')]).toEqual([1024, ''])
    })

    test('renderGrubConfig() boots no trial when ext4 takes no writes, and falls back', async () => {
      const stuck = await ask({ saved_entry: 'A', next_entry: 'B' }, both, true)
      expect([stuck.slot, isTrial(stuck)]).toEqual(['A', false])
      expect((await ask({ saved_entry: 'B' }, { a: true, b: false })).slot).toBe('A')
    }, 20_000)
  })

  test('renderGrubConfig() refuses what would become script', () => {
    const kernelArguments = ['quiet', '$(x)']
    expect(() => renderGrubConfig({ partuuidA, partuuidB, kernelArguments })).toThrow(RangeError)
    expect(() => renderGrubConfig({ partuuidA: "'; halt", partuuidB })).toThrow(RangeError)
    const swapped = { partuuidA: '0badcafe-03', partuuidB: '0badcafe-02' }
    expect(() => renderGrubConfig(swapped)).toThrow(RangeError)
  })

  test('renderGrubConfig() passes the syntax check of GRUB', async () => {
    const file = path.join(folder, 'check.cfg')
    await fs.writeFile(file, menu)
    const result = await systemExec.run({ argv: ['grub-script-check', file] })
    expect(result).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  })
})

describe('renderCustomConfig()', () => {
  const files = { 'grub.cfg': FOREIGN_MENU, 'custom.cfg': custom }

  test('renderCustomConfig() boots the saved slot by its partition', async () => {
    const grubenv = environment({ saved_entry: 'B' })
    const answer = await oracle.ask({ files: { ...files, grubenv }, kernels: both })
    expect([answer.slot, isTrial(answer)]).toEqual(['B', false])
    expect(answer.kernelArguments).toContain(`root=PARTUUID=${partuuidB}`)
  })

  test('renderCustomConfig() marks the trial that the menu before it has taken', async () => {
    const grubenv = environment({ saved_entry: 'A', next_entry: 'B' })
    const answer = await oracle.ask({ files: { ...files, grubenv }, kernels: both })
    expect([answer.slot, isTrial(answer)]).toEqual(['B', true])
  })

  test('renderCustomConfig() boots no trial when next_entry could not be cleared', async () => {
    const grubenv = environment({ saved_entry: 'A', next_entry: 'B' })
    const question = { files: { ...files, grubenv }, kernels: both, isReadOnly: true }
    const answer = await oracle.ask(question)
    expect([answer.slot, isTrial(answer)]).toEqual(['A', false])
  })

  test('renderCustomConfig() uses the backup when grubenv is empty', async () => {
    const all = {
      ...files,
      grubenv: new Uint8Array(0),
      'grubenv.bak': environment({ saved_entry: 'B' }),
    }
    const answer = await oracle.ask({ files: all, kernels: both })
    expect([answer.slot, source(answer)]).toEqual(['B', 'kubenest.env=backup'])
  })

  test('renderCustomConfig() falls back to the documented entry of the other slot', async () => {
    const grubenv = environment({ saved_entry: 'B' })
    const all = { ...files, grubenv }
    const answer = await oracle.ask({ files: all, kernels: { a: true, b: false } })
    expect(answer.slot).toBe('A')
  }, 20_000)

  test('renderCustomConfig() restarts the machine when neither slot has a kernel', async () => {
    const grubenv = environment({ saved_entry: 'B' })
    const all = { ...files, 'custom.cfg': withoutPause(custom), grubenv }
    const answer = await oracle.ask({ files: all, kernels: { a: false, b: false } })
    expect([answer.slot, answer.restarts]).toEqual(['none', true])
  }, 60_000)

  for (const [what, damaged] of [
    ['empty', new Uint8Array(0)],
    ['full of zeros', new Uint8Array(2048)],
    ['cut in half', custom.slice(0, custom.length / 2)],
  ] as const) {
    test(`renderCustomConfig() ${what} still boots the saved slot`, async () => {
      const grubenv = environment({ saved_entry: 'B' })
      const all = { ...files, grubenv, 'custom.cfg': damaged }
      const answer = await oracle.ask({ files: all, kernels: both })
      expect(answer.slot).toBe('B')
    })
  }
})

describe('grub-editenv', () => {
  test('grub-editenv lists what renderGrubEnvironment() wrote, and the other way round', async () => {
    const file = path.join(folder, 'grubenv')
    await fs.writeFile(file, environment({ saved_entry: 'B', note: 'a\\b=c d' }))
    const listed = await systemExec.run({ argv: ['grub-editenv', file, 'list'] })
    expect(listed.stdout).toBe('saved_entry=B\nnote=a\\b=c d\n')
    await systemExec.run({ argv: ['grub-editenv', file, 'set', 'other=1\\2'] })
    await systemExec.run({ argv: ['grub-editenv', file, 'unset', 'saved_entry'] })
    const read = parseGrubEnvironment(new Uint8Array(await fs.readFile(file)))
    expect([...read]).toEqual([
      ['note', 'a\\b=c d'],
      ['other', '1\\2'],
    ])
  })
})
