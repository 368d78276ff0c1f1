// The folder that stands for /usr on light nodes: links to the machine's own /usr, except where the
// booted slot, or our systemctl, takes a place. Made once per lab.
import { ensureDirectory, listDirectory, makeLink, writeFile } from '@kubenest/base/files'
import { programCommand } from '@kubenest/base/self-program'
import { HOST_USR } from './light-sandbox.ts'

/** Makes the folder. */
export async function makeLightUsr(folder: string): Promise<void> {
  await ensureDirectory(`${folder}/lib/kubenest`)
  await ensureDirectory(`${folder}/lib/systemd`)
  await ensureDirectory(`${folder}/bin`)
  await writeFile(`${folder}/lib/os-release`, '')
  await linkEntries('', folder, ['bin', 'lib'])
  await linkEntries('/lib', `${folder}/lib`, ['kubenest', 'os-release', 'systemd'])
  await linkEntries('/bin', `${folder}/bin`, ['systemctl', 'os-agent'])
  const systemctl = programCommand('kubenest', 'systemctl').argv
  // The kernel starts the rest of this line; env splits it.
  await writeFile(`${folder}/bin/systemctl`, `#!/usr/bin/env -S ${systemctl.join(' ')}\n`, 0o755)
  const agent = programCommand('kubenest-host', 'os-agent').argv
  await writeFile(`${folder}/bin/os-agent`, `#!/usr/bin/env -S ${agent.join(' ')}\n`, 0o755)
}

async function linkEntries(
  below: string,
  folder: string,
  except: readonly string[],
): Promise<void> {
  const names = (await listDirectory(`/usr${below}`)).filter((name) => !except.includes(name))
  await Promise.all(
    names.map((name) => makeLink(`${HOST_USR}${below}/${name}`, `${folder}/${name}`)),
  )
}
