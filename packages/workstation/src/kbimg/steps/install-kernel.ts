// Kernel and initramfs under the names the boot menu knows (contract 6.7 item 7).
import { listDirectory, removePath } from '@kubenest/base/files'
import { OsError } from '@kubenest/base/errors'
import { type Build, runInside } from '../build.ts'

const PREFIX = 'vmlinuz-'

export async function installKernel(build: Build): Promise<void> {
  const kernels = (await listDirectory(`${build.root}/boot`)).filter((name) =>
    name.startsWith(PREFIX),
  )
  const kernel = kernels[0]
  if (kernel === undefined || kernels.length > 1)
    throw new OsError('invalid', {
      code: 'config-kernel',
      message: `Cannot install the kernel: the packages bring ${kernels.length} (${kernels.join(', ')}); name exactly one linux-image package in from_repo.rpmlist`,
    })
  const version = kernel.slice(PREFIX.length)
  await runInside(build, 'make the initramfs', ['update-initramfs', '-c', '-k', version])
  await runInside(build, 'name the kernel', ['mv', `/boot/${kernel}`, '/boot/vmlinuz'])
  await runInside(build, 'name the initramfs', [
    'mv',
    `/boot/initrd.img-${version}`,
    '/boot/initramfs.img',
  ])
  for (const link of ['vmlinuz', 'vmlinuz.old', 'initrd.img', 'initrd.img.old'])
    await removePath(`${build.root}/${link}`)
}
