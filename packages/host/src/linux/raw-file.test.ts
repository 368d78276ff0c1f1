import { describe, expect, test } from 'bun:test'
import { systemRawFiles } from './raw-file.ts'

describe('systemRawFiles', () => {
  // The kernel answers EIO here, as it does for a sector that cannot be read.
  test('names file, bytes and remedy when a disk fails', async () => {
    const file = await systemRawFiles.open('/proc/self/mem', { access: 'read' })
    try {
      const failure = file.read(new Uint8Array(4096), 0)
      await expect(failure).rejects.toMatchObject({
        code: 'device-failed',
        message:
          "Cannot read bytes 0 to 4096 of /proc/self/mem: its disk failed (EIO); see the kernel's messages, and replace the disk if it fails again",
      })
    } finally {
      await file.close()
    }
  })

  test('names file, bytes and remedy when there is no room', async () => {
    const file = await systemRawFiles.open('/dev/full', { access: 'write' })
    try {
      const failure = file.write(new Uint8Array(512), 1024)
      await expect(failure).rejects.toMatchObject({
        code: 'disk-full',
        message:
          'Cannot write bytes 1024 to 1536 of /dev/full: no space is left on its file system; free some and repeat',
      })
    } finally {
      await file.close()
    }
  })
})
