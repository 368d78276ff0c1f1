// Passwords and users. Clear text goes to `openssl` by standard input only and never further;
// accounts are made by the image's own programs.
import { type Build, run, runInside } from '../build.ts'
import type { UserConfig } from '../config.ts'
import { GRUB_FOLDER } from '../root-files.ts'

export async function setRootPassword(build: Build): Promise<void> {
  const hash = build.config.repo.rootPasswordHash.reveal()
  await runInside(build, 'set the password of root', ['chpasswd', '--encrypted'], {
    stdin: `root:${hash}\n`,
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
  const hash = await run(build, purpose, ['openssl', 'passwd', '-6', '-stdin'], {
    stdin: `${user.password.reveal()}\n`,
    printsSecret: true,
  })
  await runInside(build, purpose, ['chpasswd', '--encrypted'], {
    stdin: `${user.name}:${hash.trim()}\n`,
  })
}

/** Writes user.cfg beside the boot menu; entries boot without password, editing needs it. */
export async function setGrubPassword(build: Build): Promise<void> {
  const password = build.config.grubPassword?.reveal() ?? ''
  const output = await run(build, 'hash the password of the boot menu', ['grub-mkpasswd-pbkdf2'], {
    stdin: `${password}\n${password}\n`,
    printsSecret: true,
  })
  const hash = /grub\.pbkdf2\.\S+/.exec(output)?.[0] ?? ''
  const file = `${GRUB_FOLDER}/user.cfg`
  await runInside(build, 'write user.cfg', ['install', '-m', '0600', '/dev/stdin', file], {
    stdin: `GRUB2_PASSWORD=${hash}\n`,
  })
}
