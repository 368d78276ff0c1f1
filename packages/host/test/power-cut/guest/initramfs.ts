// The first root of the micro guest: busybox, modules, and a script that mounts the slot that the
// kernel line names, the tools over it, ESP and persist, and gives process 1 to the driver.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { PARTUUIDS } from './node-disk.ts'

const INIT = `#!/bin/busybox sh
for module in %MODULES%; do /bin/busybox insmod /modules/$module; done
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
slot=/dev/vda2
case " $(/bin/busybox cat /proc/cmdline) " in *" root=PARTUUID=%SLOT_B% "*) slot=/dev/vda3 ;; esac
/bin/busybox mount -t ext4 -o ro,noload $slot /root
/bin/busybox mount -t ext4 -o ro,noload /dev/vdb /tools
cd /root
for name in usr lib lib64; do /bin/busybox mount -o bind /tools/$name $name; done
/bin/busybox mount --move /proc proc
/bin/busybox mount -t sysfs sys sys
/bin/busybox mount --move /dev dev
/bin/busybox mount -t tmpfs run run
/bin/busybox mount -t tmpfs tmp tmp
/bin/busybox mount -t vfat -o codepage=437,iocharset=ascii,errors=remount-ro dev/vda1 boot/efi
/bin/busybox mount -t ext4 dev/vda4 persist
/bin/busybox chown -R 0:0 persist
/bin/busybox mount -o bind persist/etc etc
/bin/busybox mount -o bind persist/var var
/bin/busybox ifconfig lo 127.0.0.1 up
export HOME=/tmp BUN_BE_BUN=1
exec /bin/busybox chroot . /usr/bin/kubenest-host run /usr/driver.js
`

/** The archive, as the kernel takes it (cpio, "newc"). */
export async function makeInitramfs(modules: readonly string[]): Promise<Uint8Array> {
  const names = modules.map((file) => path.basename(file))
  const init = INIT.replace('%MODULES%', names.join(' ')).replace('%SLOT_B%', PARTUUIDS.B)
  const parts = [
    ...['bin', 'modules', 'dev', 'proc', 'root', 'tools'].map((name) => entry(name, 0o40_755)),
    entry('init', 0o100_755, Buffer.from(init)),
    entry('bin/busybox', 0o100_755, await fs.readFile('/bin/busybox')),
  ]
  for (const file of modules)
    parts.push(entry(`modules/${path.basename(file)}`, 0o100_644, await fs.readFile(file)))
  return Buffer.concat([...parts, entry('TRAILER!!!', 0)])
}

function entry(name: string, mode: number, content: Uint8Array = Buffer.alloc(0)): Uint8Array {
  const numbers = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
  const fields = numbers.map((each) => each.toString(16).padStart(8, '0')).join('')
  return Buffer.concat([padded(Buffer.from(`070701${fields}${name}\0`)), padded(content)])
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
