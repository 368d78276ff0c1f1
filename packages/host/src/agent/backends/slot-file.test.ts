// Direct transfers that the file system refuses at the open or only at the first transfer.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { systemRawFiles, type RawFile, type RawFiles } from '../../linux/raw-file.ts'
import { openSlotDevice } from './slot-device.ts'
import { openSlotFile } from './slot-file.ts'

let folder = ''
let file = ''
let opened: boolean[] = []

beforeEach(async () => {
  opened = []
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'slot-file-'))
  file = path.join(folder, 'slot')
  await fs.writeFile(file, new Uint8Array(1024 * 1024).fill(1))
})
afterEach(() => fs.rm(folder, { recursive: true }))

/** Files whose direct transfers of these kinds fail with this code. */
function refusing(verbs: readonly ('open' | 'read' | 'write')[], code = 'not-supported'): RawFiles {
  const refuse = () => Promise.reject(new OsError('host', { code, message: 'Cannot: EINVAL' }))
  return {
    async open(name, options) {
      opened.push(options.direct === true)
      if (options.direct !== true) return systemRawFiles.open(name, options)
      if (verbs.includes('open')) return refuse()
      const inner = await systemRawFiles.open(name, { ...options, direct: false })
      const outer: RawFile = { ...inner }
      if (verbs.includes('read')) outer.read = refuse
      if (verbs.includes('write')) outer.write = refuse
      return outer
    },
  }
}

describe('openSlotFile()', () => {
  for (const verb of ['open', 'read', 'write'] as const)
    test(`openSlotFile() goes on without direct transfers when the ${verb} is not supported`, async () => {
      const device = await openSlotDevice(refusing([verb]), file, 1024 * 1024)
      const content = new Uint8Array(300_000).fill(7)
      await device.append(content)
      const { head, sizeBytes } = await device.finish()
      await device.writeHead(head)
      let sum = 0
      await device.readBack(0, sizeBytes, (bytes) => {
        sum += bytes.reduce((total, byte) => total + byte, 0)
      })
      await device.close()
      expect(sum).toBe(300_000 * 7)
      expect(opened).toEqual([true, false])
    })

  test('openSlotFile() hides no other failure', async () => {
    const slot = await openSlotFile(refusing(['write'], 'device-failed'), file, {
      access: 'write',
      exclusive: true,
    })
    expect(
      await slot.write(new Uint8Array(4096), 0).catch((error: unknown) => error),
    ).toMatchObject({ code: 'device-failed' })
    expect(slot.isDirect()).toBe(true)
    await slot.close()
    expect(opened).toEqual([true])
  })
})
