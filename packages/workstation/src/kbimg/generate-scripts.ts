// `--debug`: everything a build would run and put into the image, as files, without running it
// (contract 6.3).
import { removePath } from '@kubenest/base/files'
import type { Exec } from '@kubenest/base/exec'
import type { BuiltImageType, ImageConfig } from './config.ts'
import { createRootTools } from './namespaces.ts'
import {
  publishOutput,
  recoverOutput,
  removeAsRoot,
  withOutputLock,
  WORK,
} from './output-folder.ts'
import { recordBuild } from './record-build.ts'
import { checkFiles } from './steps/check-machine.ts'
import { writeScripts } from './write-scripts.ts'

/** Inputs of the files that a build would generate. */
export interface GenerateRequest {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  readonly cwd: string
  /** The configuration file as the user named it. */
  readonly configFile: string
  readonly epochSeconds: number
  readonly runsAsRoot: boolean
  readonly exec: Exec
}

/** Replaces `scripts-auto` by the generated files. */
export async function generateScripts(request: GenerateRequest): Promise<void> {
  await checkFiles(request.cwd, request.config)
  await withOutputLock(request.cwd, () => generate(request))
}

async function generate(request: GenerateRequest): Promise<void> {
  const { cwd, exec } = request
  const work = `${cwd}/${WORK}`
  const tools = createRootTools(request.runsAsRoot)
  await recoverOutput(cwd, exec, tools)
  try {
    const { build, steps } = await recordBuild({ ...request, work: `${work}/recorded` })
    await removePath(build.work)
    await writeScripts({ ...build, work }, { configFile: request.configFile, steps })
    await publishOutput(cwd, exec)
  } catch (error) {
    await removeAsRoot(exec, tools, work)
    throw error
  }
}
