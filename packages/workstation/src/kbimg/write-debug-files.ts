// `--debug`: everything that would go into the image and the plan, without running anything
// (contract 6.3; names as documented where the file exists in our build).
import { ensureDirectory, removePath, writeFile } from '@kubenest/base/files'
import { planDiskLayout, renderSfdiskScript } from '../disk/partition-layout.ts'
import { deriveBuildIds } from './build-ids.ts'
import { OUTPUT, withOutputLock } from './build-image.ts'
import { checkFiles } from './steps/check-machine.ts'
import type { BuiltImageType, ImageConfig } from './config.ts'
import { planImage, planPackages } from './plan-image.ts'
import { renderJson, renderRootFiles } from './root-files.ts'
import { baseName } from './host-path.ts'

/** Inputs of the files that a build would generate. */
export interface DebugRequest {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  readonly cwd: string
  readonly epochSeconds: number
}

/** Replaces `scripts-auto` by the generated files. */
export async function writeDebugFiles(request: DebugRequest): Promise<void> {
  await checkFiles(request.cwd, request.config)
  await withOutputLock(request.cwd, () => writeFiles(request))
}

async function writeFiles(request: DebugRequest): Promise<void> {
  const { config, imageType, epochSeconds } = request
  const folder = `${request.cwd}/${OUTPUT}`
  const ids = await deriveBuildIds(config, epochSeconds)
  await removePath(folder)
  await ensureDirectory(`${folder}/misc-files`, 0o750)
  const files = renderRootFiles({ config, ids, builtAtSeconds: epochSeconds, packages: [] })
  for (const { path, text } of files) {
    const name = baseName(path)
    await writeFile(`${folder}/${name === 'grub.cfg' ? name : `misc-files/${name}`}`, text, 0o640)
  }
  await writeFile(`${folder}/rpmlist`, `${planPackages(config).join('\n')}\n`, 0o640)
  await writeFile(
    `${folder}/plan.json`,
    renderJson({ config, steps: planImage(imageType, config) }),
    0o640,
  )
  const layout = planDiskLayout(config.disk.rootMib, config.disk.imageGib, ids)
  if (imageType === 'vm-img')
    await writeFile(`${folder}/partitions.sfdisk`, renderSfdiskScript(layout), 0o640)
}
