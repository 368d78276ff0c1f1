// The order of steps is the contract's order of custom steps (6.7 item 10).
import { expect, test } from 'bun:test'
import { KERNEL_ARGUMENTS } from '@kubenest/provision/boot/grub-config'
import { parseConfig } from './parse-config.ts'
import { planImage, planKernelArguments, planPackages } from './plan-image.ts'

function configWith(extra = '', packages = '"containerd"') {
  const text = `[from_repo]
version = "v1"
repo_path = "r"
agent_path = "a"
root_passwd = "h"
rpmlist = [${packages}]
legacy_bios = false
upgrade_img = "a:v1"
${extra}`
  return parseConfig(text, { imageType: 'vm-img', architecture: 'x86_64', strict: true }).config
}

const EVERYTHING = `[[users]]\nname = "a"\npasswd = "p"\n[[copy_files]]\nsrc = "a"\ndst = "b"
[grub]\npasswd = "p"\n[chroot_script]\npath = "s"\n`

test('planImage() runs the custom steps in the documented order, before the root is sealed', () => {
  expect(planImage('vm-img', configWith(EVERYTHING)).map((step) => step.id)).toEqual([
    'check-machine',
    'make-root',
    'install-files',
    'set-root-password',
    'add-users',
    'copy-files',
    'set-grub-password',
    'run-chroot-script',
    'enable-services',
    'install-kernel',
    'prepare-var',
    'remove-specifics',
    'pack-tar',
    'make-root-image',
    'make-boot-partition',
    'make-persist',
    'compose-disk',
    'convert-disk',
    'write-manifests',
  ])
})

test('planImage() leaves out what the configuration does not ask for', () => {
  const ids = planImage('upgrade-img', configWith()).map((step) => step.id)
  expect(ids).toContain('pack-container-image')
  for (const absent of ['add-users', 'copy-files', 'run-chroot-script', 'compose-disk'] as const)
    expect(ids).not.toContain(absent)
})

test('planPackages() adds a kernel unless the list names one', () => {
  expect(planPackages(configWith())).toContain('linux-image-cloud-amd64')
  const own = planPackages(configWith('', '"linux-image-amd64", "systemd"'))
  expect(own).not.toContain('linux-image-cloud-amd64')
  expect(own.filter((name) => name === 'systemd')).toHaveLength(1)
})

test('planKernelArguments() keeps the automatic return and sets memory aside only for kdump', () => {
  const plain = planKernelArguments(configWith(), KERNEL_ARGUMENTS)
  expect(plain).toEqual(expect.arrayContaining(['panic=3', 'oops=panic', 'rootfstype=ext4', 'ro']))
  expect(plain.join(' ')).not.toContain('crashkernel')
  const kdump = planKernelArguments(configWith('', '"kdump-tools"'), KERNEL_ARGUMENTS)
  expect(kdump).toContain('crashkernel=256M')
})
