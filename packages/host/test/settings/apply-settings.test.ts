// Settings on real files below a temporary root: all or nothing, and no write outside the allowed
// files.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { systemClock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { createSettings } from '../../src/agent/settings/settings.ts'
import { writeKernelValue } from '../../src/linux/kernel-value.ts'
import { faultOf } from '../agent/fault-of.ts'

// Machines under load are slow; a hang still ends.
setDefaultTimeout(60_000)

let root: string
/** Kernel values written, and the one that the kernel refuses. */
let written: string[]
let refused: string
const at = (file: string) => path.join(root, file)
const read = (file: string) => readFileSync(at(file), 'utf8')

beforeEach(() => {
  written = []
  refused = ''
  root = mkdtempSync(path.join(tmpdir(), 'agent-settings-'))
  for (const folder of ['etc/sysctl.d', 'proc/sys/vm', 'proc/sys/kernel'])
    mkdirSync(at(folder), { recursive: true })
  writeFileSync(at('proc/sys/vm/swappiness'), '60\n')
  writeFileSync(at('proc/sys/kernel/panic'), '0\n')
})
afterEach(() => rmSync(root, { recursive: true }))

function apply(...configs: ConfigureEntry[]): Promise<void> {
  const ownerUid = process.getuid?.() ?? 0
  const writeValue = (file: string, text: string) => {
    if (text === refused)
      throw new OsError('invalid', { code: 'kernel-value-refused', message: 'no' })
    writeKernelValue(file, text)
    written.push(text)
  }
  return createSettings({
    sysroot: createSysRoot(root),
    log: silentLogger,
    clock: systemClock,
    exec: systemExec,
    ownerUid,
    writeKernelValue: writeValue,
  }).configure({ configs })
}

function entry(model: string, values: Record<string, unknown>, configPath = ''): ConfigureEntry {
  const contents = Object.entries(values).map(([key, value]) => [key, { value, operation: '' }])
  return {
    model,
    config_path: configPath,
    contents: Object.fromEntries(contents) as ConfigureEntry['contents'],
  }
}

describe('configure()', () => {
  test('D1: an empty request and empty contents change nothing', async () => {
    await apply()
    await apply(entry('kernel.sysctl', {}))
    expect(read('proc/sys/vm/swappiness')).toBe('60\n')
  })

  test('applies both models; the file gets mode 0644 when it is new', async () => {
    await apply(
      entry('kernel.sysctl', { 'vm.swappiness': 10 }),
      entry('kernel.sysctl.persist', { 'vm.swappiness': 10 }, '/etc/sysctl.d/k.conf'),
    )
    expect(read('proc/sys/vm/swappiness')).toBe('10\n')
    expect(read('etc/sysctl.d/k.conf')).toBe('vm.swappiness=10\n')
    expect(statSync(at('etc/sysctl.d/k.conf')).mode & 0o777).toBe(0o644)
  })

  test('keeps the mode of an existing file, and does not touch one that stays the same', async () => {
    writeFileSync(at('etc/sysctl.conf'), 'vm.x=1\n')
    chmodSync(at('etc/sysctl.conf'), 0o600)
    const { ino } = statSync(at('etc/sysctl.conf'))
    await apply(entry('kernel.sysctl.persist', { 'vm.x': 1 }))
    expect(statSync(at('etc/sysctl.conf')).ino).toBe(ino)
    await apply(entry('kernel.sysctl.persist', { 'vm.x': 2 }))
    expect(statSync(at('etc/sysctl.conf')).mode & 0o777).toBe(0o600)
    expect(read('etc/sysctl.conf')).toBe('vm.x=2\n')
  })

  test('undoes everything when a later write fails: values put back, new files removed', async () => {
    writeFileSync(at('etc/sysctl.conf'), '# mine\n')
    refused = '5\n'
    const fault = await faultOf(
      apply(
        entry('kernel.sysctl', { 'vm.swappiness': 10 }),
        entry('kernel.sysctl.persist', { 'a.b': 1 }),
        entry('kernel.sysctl.persist', { 'a.b': 1 }, '/etc/new.conf'),
        entry('kernel.sysctl', { 'kernel.panic': 5 }),
      ),
    )
    expect(written).toEqual(['10\n', '60\n'])
    expect(fault).toMatchObject({ code: 'kernel-value-refused' })
    expect(read('proc/sys/vm/swappiness')).toBe('60\n')
    expect(read('etc/sysctl.conf')).toBe('# mine\n')
    expect(existsSync(at('etc/new.conf'))).toBe(false)
  })

  test('writes nothing when any entry is wrong', async () => {
    const good = entry('kernel.sysctl', { 'vm.swappiness': 10 })
    const wrong = [
      entry('kernel.sysctl', { 'vm.unknown': 1 }),
      entry('kernel.sysctl', { 'kernel.core_pattern': '|/x' }),
      entry('kenerl.sysctl', {}),
      entry('kernel.sysctl.persist', {}, '/etc/missing/x.conf'),
      entry('kernel.sysctl.persist', { 'a.b': 'x\ny' }),
    ]
    for (const each of wrong)
      expect(await faultOf(apply(good, each))).toMatchObject({ kind: 'invalid' })
    writeFileSync(at('etc/sysctl.conf'), 'nonsense\n')
    expect(await faultOf(apply(good, entry('kernel.sysctl.persist', {})))).toMatchObject({
      code: 'sysctl-file-unreadable',
    })
    expect(read('proc/sys/vm/swappiness')).toBe('60\n')
  })

  test('says what could not be put back', async () => {
    refused = '60\n'
    const panic = entry('kernel.sysctl', { 'kernel.panic': '60' })
    expect(
      await faultOf(apply(entry('kernel.sysctl', { 'vm.swappiness': 10 }), panic)),
    ).toMatchObject({
      code: 'settings-undo-failed',
      message: 'no; and these could not be put back: /proc/sys/vm/swappiness',
    })
  })

  test('names an unknown kernel parameter', async () => {
    expect(await faultOf(apply(entry('kernel.sysctl', { 'vm.swapiness': 1 })))).toMatchObject({
      code: 'sysctl-key-unknown',
      message: expect.stringContaining('vm.swapiness (/proc/sys/vm/swapiness)') as string,
    })
  })

  test('follows a link to an allowed file, as Debian has one, and keeps the link', async () => {
    writeFileSync(at('etc/sysctl.conf'), '')
    symlinkSync('../sysctl.conf', at('etc/sysctl.d/99-sysctl.conf'))
    await apply(entry('kernel.sysctl.persist', { 'a.b': 1 }, '/etc/sysctl.d/99-sysctl.conf'))
    expect(lstatSync(at('etc/sysctl.d/99-sysctl.conf')).isSymbolicLink()).toBe(true)
    expect(read('etc/sysctl.conf')).toBe('a.b=1\n')
  })

  test('refuses links out: a file, a dangling one, a folder, and out of /proc/sys', async () => {
    mkdirSync(at('etc/cron.d'))
    writeFileSync(at('etc/cron.d/job'), 'precious\n')
    symlinkSync('cron.d/job', at('etc/link.conf'))
    symlinkSync('cron.d/none', at('etc/dangling.conf'))
    rmSync(at('etc/sysctl.d'), { recursive: true })
    symlinkSync('cron.d', at('etc/sysctl.d'))
    for (const file of ['/etc/link.conf', '/etc/dangling.conf', '/etc/sysctl.d/x.conf'])
      expect(
        await faultOf(apply(entry('kernel.sysctl.persist', { 'a.b': 1 }, file))),
      ).toMatchObject({
        code: 'config-path-refused',
      })
    symlinkSync(at('etc/cron.d/job'), at('proc/sys/vm/out'))
    expect(await faultOf(apply(entry('kernel.sysctl', { 'vm.out': 1 })))).toMatchObject({
      code: 'config-path-refused',
    })
    expect(read('etc/cron.d/job')).toBe('precious\n')
    expect(existsSync(at('etc/cron.d/x.conf'))).toBe(false)
    expect(existsSync(at('etc/cron.d/none'))).toBe(false)
  })

  test('refuses a folder that others may write and text that is not UTF-8', async () => {
    writeFileSync(at('etc/sysctl.conf'), Uint8Array.of(0x23, 0xff, 0xfe))
    const persist = entry('kernel.sysctl.persist', { 'a.b': 1 })
    expect(await faultOf(apply(persist))).toMatchObject({ code: 'setting-file-not-text' })
    chmodSync(at('etc'), 0o777)
    expect(await faultOf(apply(persist))).toMatchObject({ code: 'config-path-unsafe' })
  })
})
