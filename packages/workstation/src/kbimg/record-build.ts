// A build whose programs are written down instead of run: what `--debug` shows, and what tells
// whether two builds would do the same. It writes below one folder of its own, reads the files that
// the configuration names, and changes nothing else.
import type { Exec, ExecRequest } from '@kubenest/base/exec'
import { ensureDirectory, readText, writeFile } from '@kubenest/base/files'
import type { Build } from './build.ts'
import { deriveBuildIds } from './build-ids.ts'
import type { BuiltImageType, ImageConfig } from './config.ts'
import { listTree } from './list-tree.ts'
import { createRootTools } from './namespaces.ts'
import { planImage } from './plan-image.ts'
import { STAGE } from './steps/install-files.ts'
import { STEPS } from './steps/steps.ts'
import type { RecordedStep } from './describe-command.ts'

/** What shall be recorded. */
export interface RecordRequest {
  readonly imageType: BuiltImageType
  readonly config: ImageConfig
  readonly cwd: string
  /** Folder for what steps write; the caller removes it. */
  readonly work: string
  readonly epochSeconds: number
}

/** What would be done, and the files that would be brought into root and boot partition. */
export interface RecordedBuild {
  readonly build: Build
  readonly steps: readonly RecordedStep[]
  readonly files: Readonly<Record<string, string>>
}

/** Stands for the version of the kernel that the packages bring. */
export const KERNEL_VERSION = 'KERNEL-VERSION'
/** One record of each kind that `find` tells of /var, so that the rules made of them are seen. */
const VAR_ENTRIES = [
  'd\t755\t0\t0\t/var/lib\t',
  'f\t644\t0\t0\t/var/lib/a file\t',
  'l\t777\t0\t0\t/var/run\t/run',
].join('\0')

/** Records all steps but the look at this machine. */
export async function recordBuild(request: RecordRequest): Promise<RecordedBuild> {
  const { imageType, config, cwd, work, epochSeconds } = request
  const steps: RecordedStep[] = []
  const root = `${work}/rootfs`
  const files: Record<string, string> = {}
  const build: Build = {
    imageType,
    config,
    cwd,
    work,
    root,
    builtAtSeconds: epochSeconds,
    tools: createRootTools(true),
    exec: createPretender(root, files),
    stop: new AbortController().signal,
    note: () => {},
    record: (command) => steps.at(-1)?.commands.push(command),
    ids: await deriveBuildIds(config, epochSeconds),
    packages: [],
    artefacts: [],
  }
  await ensureDirectory(work, 0o750)
  for (const step of planImage(imageType, config)) {
    steps.push({ ...step, commands: [] })
    if (step.id !== 'check-machine') await STEPS[step.id](build)
  }
  await readStage(`${root}${STAGE}`, files)
  return { build, steps, files }
}

/** Succeeds with everything, and leaves what later steps look for. */
function createPretender(root: string, files: Record<string, string>): Exec {
  return {
    async run({ argv }: ExecRequest) {
      if (argv.includes('mmdebstrap')) await pretendFile(`${root}/boot/vmlinuz-${KERNEL_VERSION}`)
      const target = argv[argv.indexOf('-o') + 1]
      if (argv.includes('grub-mkimage') && target !== undefined) await pretendFile(target)
      const [source = '', boot] = argv.slice(-2)
      if (argv.includes('mcopy') && boot !== undefined) files[boot] = (await readText(source)) ?? ''
      const isFind = argv.includes('find') && argv.includes('-printf')
      return { exitCode: 0, stdout: isFind ? VAR_ENTRIES : '', stderr: '' }
    },
  }
}

async function pretendFile(path: string): Promise<void> {
  await ensureDirectory(path.slice(0, path.lastIndexOf('/')))
  await writeFile(path, '')
}

async function readStage(folder: string, files: Record<string, string>): Promise<void> {
  for (const { path, kind } of await listTree(folder))
    if (kind === 'file') files[path] = (await readText(`${folder}/${path}`)) ?? ''
}
