// What the user adds: copied files, a script that runs inside the root, services. All of it happens
// inside the root; a value is always one argument.
import { ensureDirectory } from '@kubenest/base/files'
import { type Build, run, runInside } from '../build.ts'
import type { CopyConfig } from '../config.ts'
import { configError } from '../config-error.ts'
import { baseName, resolveFrom } from '../host-path.ts'
import { unitsToEnable } from '../root-files.ts'
import { STAGE } from './install-files.ts'
import { stat } from '@kubenest/base/files'

export async function copyFiles(build: Build): Promise<void> {
  for (const [index, copy] of build.config.copies.entries()) await copyOne(build, copy, index)
}

async function copyOne(build: Build, copy: CopyConfig, index: number): Promise<void> {
  const key = `copy_files[${index}].src`
  const source = resolveFrom(build.cwd, copy.source).replace(/\/+$/, '')
  const folder = `${STAGE}/copy-${index}`
  await ensureDirectory(`${build.root}${folder}`)
  const staged = `${folder}/${baseName(source)}`
  await readSource(build, key, copy, source, `${build.root}${staged}`)
  if (copy.createDirectory !== undefined)
    await runInside(build, `make ${copy.createDirectory}`, [
      'mkdir',
      '-p',
      '--',
      absolute(copy.createDirectory),
    ])
  await runInside(build, `copy ${copy.source} to ${copy.destination}`, [
    'cp',
    '-r',
    '--',
    staged,
    absolute(copy.destination),
  ])
}

async function readSource(
  build: Build,
  key: string,
  copy: CopyConfig,
  source: string,
  target: string,
): Promise<void> {
  try {
    await run(build, `read ${copy.source}`, ['cp', '-r', '--', source, target])
  } catch (cause) {
    if ((await stat(source)) !== undefined) throw cause
    const reason = 'no such file exists; correct the path'
    throw configError('file', key, copy.source, reason)
  }
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

export async function runChrootScript(build: Build): Promise<void> {
  const script = build.config.chrootScript
  if (script === undefined) return
  const source = resolveFrom(build.cwd, script.path)
  const inner = `/${baseName(source)}`
  await run(build, 'bring in the script', ['cp', '-L', '--', source, `${build.root}${inner}`])
  await runInside(build, `run ${script.path} inside the root`, ['bash', inner])
  if (script.removeAfterwards)
    await runInside(build, 'remove the script', ['rm', '-f', '--', inner])
}

export async function enableServices(build: Build): Promise<void> {
  const kubelet = await stat(`${build.root}/usr/lib/systemd/system/kubelet.service`)
  const services = [
    ...unitsToEnable(),
    ...(kubelet === undefined ? [] : ['kubelet.service']),
    ...build.config.services,
  ]
  for (const service of services)
    await runInside(build, `enable ${service}`, ['systemctl', 'enable', '--', service])
}
