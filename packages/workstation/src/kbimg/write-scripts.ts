// The generated files of contract 6.3 in a result folder: scripts, package list, boot menu, units.
import { ensureDirectory, writeFile } from '@kubenest/base/files'
import type { Build } from './build.ts'
import { baseName } from './host-path.ts'
import { planPackages } from './plan-image.ts'
import { renderScripts, type ScriptInput } from './render-scripts.ts'
import { renderRootFiles, type RootFile } from './root-files.ts'

const FOLDER_MODE = 0o750
const FILE_MODE = 0o640

/** Writes them into the build's folder. */
export async function writeScripts(
  build: Build,
  done: Omit<ScriptInput, 'imageType'>,
): Promise<void> {
  await ensureDirectory(`${build.work}/misc-files`, FOLDER_MODE)
  const scripts = renderScripts({ imageType: build.imageType, ...done })
  for (const { path, mode, text } of [...scripts, ...describeRoot(build)])
    await writeFile(`${build.work}/${path}`, text, mode)
}

function describeRoot(build: Build): RootFile[] {
  const files = renderRootFiles(build).map(({ path, text }) => {
    const name = baseName(path)
    return { path: name === 'grub.cfg' ? name : `misc-files/${name}`, mode: FILE_MODE, text }
  })
  const packages = `${planPackages(build.config).join('\n')}\n`
  return [...files, { path: 'rpmlist', mode: FILE_MODE, text: packages }]
}
