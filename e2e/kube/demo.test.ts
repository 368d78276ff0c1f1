// `kubenest lab demo --no-vm` as a newcomer runs it: everything is seen, and nothing is left.
import { expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { runLab } from './harness.ts'

test('lab demo sees upgrade, rollback and fallback, and leaves nothing behind', () => {
  const state = fs.mkdtempSync(path.join(os.tmpdir(), 'kn-'))
  const text = runLab(['demo', '--no-vm', '--light', '2', '--state', state])
  expect(text).toContain('Everything was seen')
  expect(text).not.toContain('NOT SEEN')
  expect(text).toMatch(/light-1 +v1 in A > v2 in B \(t\) > v1 in A \(t\)/)
  expect(fs.existsSync(state)).toBe(false)
  expect(programsBelow(state)).toEqual([])
}, 180_000)

/** Command lines of processes that name the folder. */
function programsBelow(folder: string): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const text = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return text.includes(folder) ? [text.replaceAll('\0', ' ')] : []
      } catch {
        // It ended while we looked.
        return []
      }
    })
}
