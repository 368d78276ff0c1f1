// Puts generated files and the agent into the root. They are staged in a folder of the root and
// copied by a program that runs inside it, so that no link of the image can lead outside.
import { ensureDirectory, writeFile } from '@kubenest/base/files'
import { type Build, run, runInside } from '../build.ts'
import { resolveFrom } from '../host-path.ts'
import { GRUB_FOLDER, renderRootFiles } from '../root-files.ts'

/** Folder inside the root for what steps bring in; removed before packing. */
export const STAGE = '/.kbimg'
const AGENT = '/usr/bin/os-agent'
const FOLDERS = ['/persist', '/opt/cni', '/boot/efi', '/proc', '/sys', '/dev', '/run', '/tmp']

export async function installFiles(build: Build): Promise<void> {
  const stage = `${build.root}${STAGE}/files`
  for (const file of renderRootFiles(build)) await stageFile(stage, file.path, file.text, file.mode)
  await runInside(build, 'make folders', ['mkdir', '-p', ...FOLDERS, GRUB_FOLDER])
  await copyStaged(build, `${STAGE}/files`)
  const agent = resolveFrom(build.cwd, build.config.repo.agentPath)
  await run(build, 'bring in the agent', [
    'cp',
    '-L',
    '--',
    agent,
    `${build.root}${STAGE}/os-agent`,
  ])
  await runInside(build, 'install the agent', [
    'install',
    '-o',
    'root',
    '-g',
    'root',
    '-m',
    '0500',
    `${STAGE}/os-agent`,
    AGENT,
  ])
  // The documented system has one os-release only, in /usr.
  await runInside(build, 'remove /etc/os-release', ['rm', '-f', '/etc/os-release'])
}

async function stageFile(stage: string, path: string, text: string, mode: number): Promise<void> {
  await ensureDirectory(`${stage}${path.slice(0, path.lastIndexOf('/'))}`)
  await writeFile(`${stage}${path}`, text, mode)
}

/** `--remove-destination`: a link in the place of a file is replaced, not followed. */
async function copyStaged(build: Build, from: string): Promise<void> {
  await runInside(build, 'install generated files', [
    'cp',
    '-rT',
    '--preserve=mode',
    '--remove-destination',
    from,
    '/',
  ])
}
