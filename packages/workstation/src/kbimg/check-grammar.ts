// Per-field grammar (threat T14, rules V9, V18 and V21): values that reach account files, paths
// inside the root, package managers or unit names. What passes is safe as one argument of a
// program; what could be read as an option or as a second record is refused.
import { configError } from './config-error.ts'
import { planPackages } from './plan-image.ts'
import type { BuiltImageType, ImageConfig, UserConfig } from './config.ts'

const FORBIDDEN_CHARACTERS = /[|;&><,#!$]/
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/
const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$/
const VERSION = /^[A-Za-z0-9._+:~ -]{1,128}$/
const SERVICE_NAME = /^[A-Za-z0-9_@][A-Za-z0-9:_.\\@-]{0,254}$/
const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/
const ROOT_MIB_MIN = 64
const IMAGE_GIB_MAX = 16_384
/** Partition 1 with what precedes it, and what the rule keeps free for PERSIST, MiB (rule V18). */
const BOOT_MIB = 60
const SPARE_MIB = 2100
/** Rule V21. */
const PACKAGE_LIST_BYTES_MAX = 1_048_576

/** Checks all values of a configuration; throws for the first wrong one. */
export function checkGrammar(config: ImageConfig, imageType: BuiltImageType): void {
  checkRepo(config)
  checkPackages(config)
  for (const [index, user] of config.users.entries()) checkUser(`users[${index}]`, user)
  for (const [index, copy] of config.copies.entries()) {
    const key = `copy_files[${index}]`
    checkHostPath(`${key}.src`, copy.source)
    checkInnerPath(`${key}.dst`, copy.destination)
    if (copy.createDirectory !== undefined)
      checkInnerPath(`${key}.create_dir`, copy.createDirectory)
  }
  for (const service of config.services) {
    if (!SERVICE_NAME.test(service))
      throw configError(
        'service-name',
        'systemd_service.name',
        service,
        'this is no unit name; write for example "containerd"',
      )
  }
  if (config.chrootScript !== undefined)
    checkHostPath('chroot_script.path', config.chrootScript.path)
  if (config.grubPassword !== undefined) checkPassword('grub.passwd', config.grubPassword.reveal())
  for (const folder of config.persistFolders) checkInnerPath('persist_mkdir.name', folder)
  checkDisk(config, imageType)
}

function checkRepo(config: ImageConfig): void {
  const { version, repoPath, agentPath, upgradeImage, rootPasswordHash } = config.repo
  const named = { version, repo_path: repoPath, agent_path: agentPath, upgrade_img: upgradeImage }
  for (const [key, value] of Object.entries(named)) {
    if (value !== undefined && FORBIDDEN_CHARACTERS.test(value))
      throw configError(
        'forbidden-character',
        `from_repo.${key}`,
        value,
        'none of | ; & > < , # ! $ may be in it; remove the character',
      )
  }
  checkHostPath('from_repo.repo_path', repoPath)
  checkHostPath('from_repo.agent_path', agentPath)
  if (!VERSION.test(version))
    throw configError(
      'version',
      'from_repo.version',
      version,
      'write letters, digits, dot, dash, plus or underscore, for example "v1"',
    )
  if (upgradeImage !== undefined && !IMAGE_NAME.test(upgradeImage))
    throw configError(
      'image-name',
      'from_repo.upgrade_img',
      upgradeImage,
      'this is no image name; write for example "kubeos-upgrade:v1"',
    )
  checkPassword('from_repo.root_passwd', rootPasswordHash.reveal())
  if (rootPasswordHash.reveal().includes(':'))
    throw configError(
      'password',
      'from_repo.root_passwd',
      undefined,
      'a colon would split the account record; give a hash made by openssl passwd -6',
    )
}

function checkPackages(config: ImageConfig): void {
  const bad = config.repo.packages.find((name) => !PACKAGE_NAME.test(name))
  if (bad !== undefined)
    throw configError(
      'package-name',
      'from_repo.rpmlist',
      bad,
      'this is no Debian package name; correct or remove it',
    )
  // Names are ASCII; each stands on a line of its own.
  const sizeBytes = planPackages(config).reduce((sum, name) => sum + name.length + 1, 0)
  if (sizeBytes > PACKAGE_LIST_BYTES_MAX)
    throw configError(
      'package-list-too-large',
      'from_repo.rpmlist',
      undefined,
      `with what booting needs it has ${sizeBytes} bytes, at most ${PACKAGE_LIST_BYTES_MAX}; name fewer packages`,
    )
}

function checkUser(key: string, user: UserConfig): void {
  checkName(`${key}.name`, user.name)
  if (user.primaryGroup !== undefined) checkName(`${key}.primary_group`, user.primaryGroup)
  for (const group of user.groups) checkName(`${key}.groups`, group)
  checkPassword(`${key}.passwd`, user.password.reveal())
}

function checkName(key: string, value: string): void {
  if (!USER_NAME.test(value))
    throw configError(
      'name',
      key,
      value,
      'use small letters, digits, - and _, at most 32, beginning with a letter; no colon or newline',
    )
}

function checkPassword(key: string, value: string): void {
  if (CONTROL.test(value))
    throw configError(
      'password',
      key,
      undefined,
      'it holds a newline or another control character; give one line of text',
    )
}

function checkHostPath(key: string, value: string): void {
  if (CONTROL.test(value))
    throw configError('path', key, value, 'it holds a control character; correct the path')
}

function checkInnerPath(key: string, value: string): void {
  checkHostPath(key, value)
  if (value.split('/').includes('..'))
    throw configError(
      'path-leaves-root',
      key,
      value,
      '".." is not allowed inside the image; write the path without it',
    )
}

function checkDisk(config: ImageConfig, imageType: BuiltImageType): void {
  const { rootMib, imageGib } = config.disk
  if (rootMib < ROOT_MIB_MIN)
    throw configError(
      'partition-size',
      'disk_partition.root',
      rootMib,
      `a root needs at least ${ROOT_MIB_MIN} MiB; give more`,
    )
  if (imageGib > IMAGE_GIB_MAX)
    throw configError(
      'partition-size',
      'disk_partition.img_size',
      imageGib,
      `it is in GiB, at most ${IMAGE_GIB_MAX}`,
    )
  const neededMib = BOOT_MIB + 2 * rootMib + SPARE_MIB
  if (imageType === 'vm-img' && neededMib > imageGib * 1024)
    throw configError(
      'partitions-do-not-fit',
      'disk_partition.img_size',
      imageGib,
      `two roots of ${rootMib} MiB, boot and at least ${SPARE_MIB} MiB for PERSIST need ${Math.ceil(neededMib / 1024)} GiB; raise img_size or lower root`,
    )
}
