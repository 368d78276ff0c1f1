import { describe, expect, test } from 'bun:test'
import { checkEffects } from './check-effects.ts'

const OPERATOR = 'packages/cluster/src/operator/x.ts'
const refused: [string, string][] = [
  [OPERATOR, "import fs from 'node:fs'"],
  [OPERATOR, "import type { Socket } from 'node:net'"],
  [OPERATOR, "import { file } from 'bun'"],
  [OPERATOR, 'await Bun.sleep(1)'],
  [OPERATOR, 'const a = process.pid'],
  [OPERATOR, 'const a = Date.now()'],
  [OPERATOR, 'const a = `${new Date()}`'],
  [OPERATOR, 'setTimeout(f, 1)'],
  ['packages/base/src/exec.ts', 'const a = Date.now()'],
  ['packages/base/src/exec.ts', 'const a = process.env'],
  ['packages/host/src/linux/mounts.ts', "const a = Bun.env['HOME']"],
  ['packages/host/src/agent/x.ts', "import fs from 'node:fs'"],
]
const accepted: [string, string][] = [
  [OPERATOR, 'const a = new Date(clock.nowMs())'],
  [OPERATOR, '// Bun.sleep() would be wrong'],
  [OPERATOR, "const a = 'process.env'"],
  [OPERATOR, 'const a = child.process.pid'],
  ['packages/cluster/src/operator/x.test.ts', 'await Bun.sleep(1)'],
  ['packages/base/src/clock.ts', 'const a = Date.now()'],
  ['packages/cluster/src/main.ts', 'const a = process.env'],
  ['packages/kube/src/client/x.ts', "import fs from 'node:fs'"],
  ['packages/host/src/linux/x.ts', 'const a = Bun.spawn(b)'],
  ['tools/x.ts', 'const a = Date.now()'],
]

describe('checkEffects()', () => {
  for (const [path, text] of refused)
    test(`refuses ${text} in ${path}`, () => {
      expect(checkEffects([{ path, text }])).not.toEqual([])
    })
  for (const [path, text] of accepted)
    test(`accepts ${text} in ${path}`, () => {
      expect(checkEffects([{ path, text }])).toEqual([])
    })
})
