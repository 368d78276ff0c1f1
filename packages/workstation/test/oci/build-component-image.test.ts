// Container images without Docker, judged by skopeo and by running the program in the unpacked
// root. Needs apt for Debian's libc6.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { type BuiltComponent, buildComponentImages } from '../../src/oci/build-component-image.ts'
import { type Component, PAUSE_COMPONENT } from '../../src/oci/component-image.ts'

const PROGRAM: Component = {
  name: 'operator',
  executable: '/usr/bin/env',
  arguments: ['--version'],
  user: 6552,
  description: 'stands for the operator',
}

let folder = ''

beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'oci-test-'))
})

afterAll(async () => {
  await fs.rm(folder, { recursive: true, force: true })
})

function build(out: string): Promise<BuiltComponent[]> {
  return buildComponentImages({
    exec: systemExec,
    components: [PROGRAM, PAUSE_COMPONENT],
    outDir: path.join(folder, out),
    version: 'v1',
    epochSeconds: 1_767_225_600,
  })
}

async function output(...argv: [string, ...string[]]): Promise<string> {
  const { exitCode, stdout, stderr } = await systemExec.run({ argv })
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${exitCode}: ${stderr}`)
  return stdout
}

test('buildComponentImages() makes the same bytes twice, and skopeo reads them', async () => {
  const first = await build('first')
  expect(await build('second')).toEqual(first)
  expect(first.map((image) => image.name)).toEqual([
    'docker.io/library/kubenest-operator:v1',
    'docker.io/library/kubenest-pause:v1',
  ])
  const archive = `oci-archive:${folder}/first/operator.oci.tar`
  expect(JSON.parse(await output('skopeo', 'inspect', archive)).Digest).toBe(first[0]?.imageDigest)
  const config = JSON.parse(await output('skopeo', 'inspect', '--config', archive))
  expect(config.config).toMatchObject({
    User: '6552:6552',
    Entrypoint: ['/operator', '--version'],
  })
  expect(config.config.Labels['io.kubenest.base.libc6']).toMatch(/^\d/)
  expect(await fs.readdir(path.join(folder, 'first'))).not.toContain('.images.new')
}, 120_000)

test('buildComponentImages() brings everything the program needs to run, and its owner only may read it', async () => {
  await build('run')
  const target = `${folder}/unpacked`
  await output(
    'skopeo',
    'copy',
    '-q',
    `oci-archive:${folder}/run/operator.oci.tar`,
    `dir:${target}`,
  )
  const manifest = JSON.parse(await fs.readFile(`${target}/manifest.json`, 'utf8'))
  await fs.mkdir(`${target}/root`)
  let list = ''
  for (const layer of manifest.layers) {
    const blob = `${target}/${layer.digest.slice('sha256:'.length)}`
    list += await output('tar', '--list', '--verbose', '--numeric-owner', '--file', blob)
    await output(
      'tar',
      '--extract',
      '--no-same-owner',
      '--file',
      blob,
      '--directory',
      `${target}/root`,
    )
  }
  expect(list).toMatch(/^-r-x------ 6552\/6552 .* operator$/m)
  expect(list).toMatch(/^l\S+ 0\/0 .* \.\/var\/run -> \/run$/m)
  expect(await output('bwrap', '--bind', `${target}/root`, '/', '/operator', '--version')).toMatch(
    /coreutils/,
  )
}, 120_000)

test('buildComponentImages() says what to do when the executable is missing', async () => {
  const missing = { ...PROGRAM, executable: '/nowhere' }
  const request = {
    exec: systemExec,
    components: [missing],
    outDir: folder,
    version: 'v1',
    epochSeconds: 1,
    layers: 'gzip',
  } as const
  await expect(buildComponentImages(request)).rejects.toMatchObject({
    code: 'no-executable',
    kind: 'invalid',
  })
})
