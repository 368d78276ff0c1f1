// A disk that fails in the moment of arming: what was taken back must not count as a trial, even
// when the journal on the medium says "armed" and could not be changed any more.
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { OsError } from '@kubenest/base/errors'
import { systemRawFiles, type RawFiles } from '../../src/linux/raw-file.ts'
import { createFakeNode, makeImage } from './fake-node.ts'
import { refusalOf, requestFor } from './requests.ts'

// Real GRUB and real disks, on a machine that does other things, too.
setDefaultTimeout(60_000)

let folder = ''
const never = new AbortController().signal

beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'taken-back-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

function failed(errno: string): OsError {
  return new OsError('host', { code: 'device-failed', message: `Cannot write: ${errno}` })
}

/** As ext4 does it: the flush of this record fails, and from then on nothing can be written. */
function failingAt(word: string): { readonly rawFiles: RawFiles; repair(): void } {
  let [isAiling, isNext, isReadOnly] = [true, false, false]
  const rawFiles: RawFiles = {
    async open(file, options) {
      const handle = await systemRawFiles.open(file, options)
      if (!file.endsWith('/journal')) return handle
      return {
        ...handle,
        async write(bytes, position) {
          if (isReadOnly) throw failed('EROFS')
          await handle.write(bytes, position)
          isNext = isAiling && new TextDecoder().decode(bytes).includes(word)
        },
        async sync() {
          if (isNext) isReadOnly = true
          if (isReadOnly) throw failed('EIO')
          await handle.sync()
        },
      }
    },
  }
  const repair = () => {
    ;[isAiling, isNext] = [false, false]
    isReadOnly = false
  }
  return { rawFiles, repair }
}

for (const phase of ['Arming', 'Armed'])
  test(`activate() that was taken back is repeated by the next boot when the disk failed at ${phase}`, async () => {
    const disk = failingAt(`"phase":"${phase}"`)
    const node = await createFakeNode(folder, { rawFiles: disk.rawFiles })
    await node.engine.recover()
    const image = await makeImage(folder, { version: 'v2' })
    const prepare = (engine = node.engine) =>
      engine.prepare(requestFor(image, 'v2'), () => {}, never)
    node.serve(image)
    await prepare()
    expect((await refusalOf(node.engine.activate({}))).code).toBe('device-failed')
    expect((await node.boot()).slot).toBe('A')
    disk.repair()
    const engine = node.restart()
    await engine.recover()
    const { trial, slots } = await engine.describe()
    expect([trial, slots[1]?.tries]).toEqual([undefined, 0])
    await prepare(engine)
    await engine.activate({})
    expect((await node.boot()).slot).toBe('B')
  })
