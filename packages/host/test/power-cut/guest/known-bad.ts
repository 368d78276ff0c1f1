// Orders that are known to lose power cuts. The judges must find them bad, or they prove nothing.
import * as fs from 'node:fs/promises'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { createBootEnvironment } from '../../../src/agent/bootloader/boot-environment.ts'
import { systemRawFiles } from '../../../src/linux/raw-file.ts'
import { BOOT_PATH } from './environment-writes.ts'
import { beginPhase, tellVersion } from './guest-agent.ts'
import { SETTING_CASES } from './setting-cases.ts'

const PIECE_BYTES = 16_384

/** A settings file cut to nothing and written again in two steps, with a flush between. */
export async function writeSettingSlowly(): Promise<void> {
  const target = SETTING_CASES.find((each) => each.file !== undefined)?.file ?? ''
  const text = await fs.readFile(target, 'utf8')
  await tellVersion(target)
  await beginPhase('bad settings')
  const handle = await fs.open(target, 'w')
  await handle.write(text.slice(0, text.length / 2))
  await handle.sync()
  await handle.write(`${text.slice(text.length / 2)}kernel.panic = 9\n`)
  await handle.sync()
  await handle.close()
  await tellVersion(target)
}

/** The selector cut to nothing and written again, while others write to the ESP. */
export async function breakSelector(): Promise<void> {
  await beginPhase('bad environment')
  for (let count = 0; count < 6; count += 1) {
    await fs.writeFile(`/boot/efi/EFI/other/bad-${count}`, 'x'.repeat(3000))
    const handle = await fs.open(`${BOOT_PATH}/grubenv`, 'w')
    await handle.sync()
    const saved = count % 2 === 0 ? 'A' : 'B'
    await handle.writeFile(renderGrubEnvironment(new Map([['saved_entry', saved]])))
    await handle.sync()
    await handle.close()
  }
}

/** The menu edited in place, as the documented agent does. */
export async function breakMenu(): Promise<void> {
  const file = `${BOOT_PATH}/grub.cfg`
  const text = await fs.readFile(file, 'utf8')
  await beginPhase('bad menu')
  const handle = await fs.open(file, 'w')
  await handle.writeFile(`${text}# edited\n`)
  await handle.sync()
  await handle.close()
}

/** Copy the image through the page cache, switch for good, and leave the rest to the kernel. */
export async function switchWithoutFlush(): Promise<void> {
  const image = await fs.readFile('/usr/images/v2.img')
  await beginPhase('bad switch')
  const device = await fs.open('/dev/vda3', 'r+')
  for (let at = 0; at < image.length; at += 131_072)
    await device.write(image, at, Math.min(131_072, image.length - at), at)
  await createBootEnvironment(BOOT_PATH, systemRawFiles).change({ saved_entry: 'B' })
  await device.sync()
  await device.close()
}

/** The switch for good comes first; then the image in small pieces, each of them flushed. */
export async function switchBeforeCopy(): Promise<void> {
  const image = await fs.readFile('/usr/images/v2.img')
  await beginPhase('bad switch')
  await createBootEnvironment(BOOT_PATH, systemRawFiles).change({ saved_entry: 'B' })
  const device = await fs.open('/dev/vda3', 'r+')
  for (let at = 0; at < image.length; at += PIECE_BYTES) {
    const piece = image.subarray(at, at + PIECE_BYTES)
    if (piece.every((byte) => byte === 0)) continue
    await device.write(piece, 0, piece.length, at)
    await device.sync()
  }
  await device.close()
}
