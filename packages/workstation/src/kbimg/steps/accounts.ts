// Passwords and users. Clear text goes to `openssl` by standard input only and never further;
// accounts are made by the image's own programs. Salts are those of the build, so that it can be
// repeated.
import { type Build, run, runInside } from '../build.ts'
import type { UserConfig } from '../config.ts'
import { hashGrubPassword } from '../grub-password.ts'
import { GRUB_FOLDER } from '../root-files.ts'
import { deriveSalt } from '../salt.ts'

/** What crypt(3) takes of a salt. */
const SALT_LENGTH = 16

export async function setRootPassword(build: Build): Promise<void> {
  const hash = build.config.repo.rootPasswordHash.reveal()
  await runInside(build, 'set the password of root', ['chpasswd', '--encrypted'], {
    stdin: `root:${hash}\n`,
    secretInput: 'the line root:HASH with from_repo.root_passwd',
  })
}

export async function addUsers(build: Build): Promise<void> {
  for (const user of build.config.users) await addUser(build, user)
}

async function addUser(build: Build, user: UserConfig): Promise<void> {
  const purpose = `add the user ${user.name}`
  await runInside(build, purpose, ['groupadd', '--force', user.name])
  await runInside(build, purpose, [
    'useradd',
    '--create-home',
    '--shell',
    '/bin/bash',
    '--gid',
    user.primaryGroup ?? user.name,
    ...(user.groups.length === 0 ? [] : ['--groups', user.groups.join(',')]),
    user.name,
  ])
  const salt = (await deriveSalt(build.ids.fileSystem, `user ${user.name}`)).toHex()
  const openssl = ['openssl', 'passwd', '-6', '-salt', salt.slice(0, SALT_LENGTH), '-stdin']
  const hash = await run(build, purpose, openssl, {
    stdin: `${user.password.reveal()}\n`,
    secretInput: `passwd of the user ${user.name}`,
    isUnlogged: true,
  })
  await runInside(build, purpose, ['chpasswd', '--encrypted'], {
    stdin: `${user.name}:${hash.trim()}\n`,
    secretInput: `the line ${user.name}:HASH`,
  })
}

/** Writes user.cfg beside the boot menu; entries boot without password, editing needs it. */
export async function setGrubPassword(build: Build): Promise<void> {
  const salt = await deriveSalt(build.ids.fileSystem, 'boot menu')
  const hash = await hashGrubPassword(build.config.grubPassword?.reveal() ?? '', salt)
  const file = `${GRUB_FOLDER}/user.cfg`
  await runInside(build, 'write user.cfg', ['install', '-m', '0600', '/dev/stdin', file], {
    stdin: `GRUB2_PASSWORD=${hash}\n`,
    secretInput: 'the line GRUB2_PASSWORD=HASH with grub.passwd',
  })
}
