// An image that is broken in one point: the lab's v2 with files put into its root, offered by the
// lab's image server, and an OS object that asks for it.
import * as fs from 'node:fs'
import path from 'node:path'
import { renderOsRelease } from '@kubenest/workstation/kbimg/root-files'
import { parse, stringify } from 'yaml'
import { runProgram, type VmLab } from '../vm-lab.ts'

const LIMIT_MS = 5 * 60_000
const OS_RELEASE = '/usr/lib/os-release'

/** What is other than in v2. */
export interface BrokenImage {
  /** `v5`: its osversion is `KubeOS v5`. */
  readonly version: string
  /** Texts by absolute path; their folders are made. */
  readonly files: Readonly<Record<string, string>>
  /** Targets of symbolic links by absolute path; their folders exist. */
  readonly links: Readonly<Record<string, string>>
  /** More of the OS object's spec. */
  readonly spec: Readonly<Record<string, unknown>>
}

/** Makes and offers it; `lab.apply()` takes the name of the manifest that this returns. */
export function offerBrokenImage(lab: VmLab, image: BrokenImage): string {
  const folder = fs.mkdtempSync(path.join(lab.stateFolder, 'broken-'))
  const raw = path.join(folder, 'root.img')
  const served = `${lab.stateFolder}/images/vm-${image.version}.img.zst`
  try {
    run('zstd', '-q', '-d', `${lab.stateFolder}/images/vm-v2.img.zst`, '-o', raw)
    editRoot(raw, folder, image)
    run('zstd', '-q', '-1', '-T0', raw, '-o', served)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
  return writeManifest(lab, image, digestOf(served))
}

function editRoot(raw: string, folder: string, { version, files, links }: BrokenImage): void {
  const texts = { ...files, [OS_RELEASE]: renderOsRelease(version) }
  const commands = [`rm ${OS_RELEASE}`]
  for (const [index, [file, text]] of Object.entries(texts).entries()) {
    const source = path.join(folder, `${index}`)
    fs.writeFileSync(source, text, { mode: 0o644 })
    const parent = path.dirname(file)
    // A folder that is there already is only complained of.
    commands.push(`mkdir ${parent}`, `cd ${parent}`, `write ${source} ${path.basename(file)}`)
  }
  for (const [link, target] of Object.entries(links)) commands.push(`symlink ${link} ${target}`)
  const script = path.join(folder, 'commands')
  fs.writeFileSync(script, `${commands.join('\n')}\n`)
  run('debugfs', '-w', '-f', script, raw)
  run('e2fsck', '-f', '-n', raw)
  // debugfs ends with 0 whatever its commands did.
  for (const [file, text] of Object.entries(texts))
    if (run('debugfs', '-R', `cat ${file}`, raw) !== text)
      throw new Error(`${file} is not in ${raw}`)
}

function writeManifest(lab: VmLab, { version, spec }: BrokenImage, checksum: string): string {
  const folder = `${lab.stateFolder}/manifests`
  const good = parse(fs.readFileSync(`${folder}/os-v2.yaml`, 'utf8')) as {
    readonly spec: { readonly imageurl: string }
  }
  const imageurl = good.spec.imageurl.replace('vm-v2.img.zst', `vm-${version}.img.zst`)
  const changed = { imageurl, checksum, osversion: `KubeOS ${version}`, ...spec }
  const name = `os-${version}.yaml`
  fs.writeFileSync(`${folder}/${name}`, stringify({ ...good, spec: { ...good.spec, ...changed } }))
  return name
}

function digestOf(file: string): string {
  return run('sha256sum', file).slice(0, 64)
}

function run(program: string, ...args: readonly string[]): string {
  return runProgram(program, args, { timeoutMs: LIMIT_MS })
}
