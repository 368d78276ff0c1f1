// A build whose root is a handful of files instead of packages: the steps that pack are the shipped
// ones, with the machine's real tools.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import type { Build } from '../../src/kbimg/build.ts'
import { deriveBuildIds } from '../../src/kbimg/build-ids.ts'
import { createRootTools } from '../../src/kbimg/namespaces.ts'
import { parseConfig } from '../../src/kbimg/parse-config.ts'

export const EPOCH_SECONDS = 1_767_225_600

const TOML = `[from_repo]
version = "v2"
repo_path = "r"
agent_path = "a"
root_passwd = "*"
rpmlist = []
legacy_bios = false
upgrade_img = "tiny:v2"
[persist_mkdir]
name = ["data/deep"]
`
/** Smaller than kbimg lets users ask for: the test copies it. */
const DISK = { rootMib: 64, imageGib: 1 }

/** Files of the root; `order` says in which order they are made. */
export async function createTinyBuild(
  folder: string,
  files: ReadonlyMap<string, string | Uint8Array>,
  order: 'forward' | 'backward' = 'forward',
): Promise<Build> {
  const options = { imageType: 'vm-img', architecture: 'x86_64', strict: true } as const
  const config = { ...parseConfig(TOML, options).config, disk: DISK }
  const root = path.join(folder, 'rootfs')
  await fs.mkdir(path.join(root, 'dev'), { recursive: true })
  await fs.mkdir(path.join(root, 'boot/efi/EFI/openEuler'), { recursive: true })
  const entries = order === 'forward' ? [...files] : [...files].reverse()
  for (const [name, content] of entries) {
    await fs.mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await fs.writeFile(path.join(root, name), content)
  }
  return {
    imageType: 'vm-img',
    config,
    cwd: folder,
    work: folder,
    root,
    builtAtSeconds: EPOCH_SECONDS,
    tools: createRootTools(process.getuid?.() === 0),
    exec: systemExec,
    stop: new AbortController().signal,
    note: () => {},
    record: () => {},
    ids: await deriveBuildIds(config, EPOCH_SECONDS),
    packages: [],
    artefacts: [],
  }
}
