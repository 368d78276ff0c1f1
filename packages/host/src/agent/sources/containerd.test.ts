// The documented command lines of crictl and ctr (contract 4.5.4, D14, D15). What they do is tried
// with a real containerd in test/sources.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemRawFiles } from '../../linux/raw-file.ts'
import { createContainerdSource } from './containerd.ts'

const HEX = 'ab'.repeat(32)
const IMAGE = 'reg.lan/os:v2'
let root = ''
let mount = ''

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'containerd-'))
  await fs.mkdir(path.join(root, 'persist'))
  mount = path.join(root, 'persist/KubeOS-Update/kubeos-update')
})
afterEach(() => fs.rm(root, { recursive: true }))

/** A node with crictl, whose image has this digest first and the right one after a pull. */
function nodeWith(firstDigest: string | undefined) {
  const lines: string[] = []
  const state = { digest: firstDigest, isMounted: false }
  const exec: Exec = {
    async run({ argv }) {
      const line = argv.join(' ').replaceAll(mount, 'M')
      lines.push(line)
      const answer = (stdout: string, exitCode = 0) => ({ exitCode, stdout, stderr: '' })
      if (line === `crictl pull ${IMAGE}`) state.digest = HEX
      if (line === `crictl rmi ${IMAGE}`) state.digest = undefined
      if (line.startsWith('crictl inspecti')) {
        if (state.digest === undefined) return answer('', 1)
        return answer(`[reg.lan/os@sha256:${state.digest}]\n`)
      }
      if (line.includes('images mount')) {
        state.isMounted = true
        await fs.writeFile(path.join(mount, 'os.tar'), 'tar')
      }
      if (line.startsWith('findmnt')) return answer('', state.isMounted ? 0 : 1)
      if (line.includes('snapshots ls')) return answer(`KEY PARENT KIND\n${mount} x Active\n`)
      return answer('')
    },
  }
  const deps = { sysroot: createSysRoot(root), clock: systemClock, log: silentLogger }
  const source = createContainerdSource({ ...deps, exec, rawFiles: systemRawFiles })
  return { source, lines }
}

async function run(firstDigest: string | undefined): Promise<string[]> {
  const { source, lines } = nodeWith(firstDigest)
  const request = {
    version: 'v2',
    check_sum: HEX,
    image_type: 'containerd',
    container_image: IMAGE,
    image_url: '',
    flag_safe: false,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
  const stream = await source.open(request, { sizeBytesMax: 9 }, new AbortController().signal)
  await stream.close?.()
  return lines
}

const LOOK = [
  `crictl inspecti ${IMAGE}`,
  `crictl inspecti --output go-template --template {{.status.repoDigests}} ${IMAGE}`,
]
const READ = [
  `ctr -n k8s.io images mount --rw ${IMAGE} M`,
  ...LOOK,
  'findmnt --mountpoint M',
  'ctr -n k8s.io images unmount M',
  'ctr -n=k8s.io snapshots ls',
  'ctr -n k8s.io snapshots remove M',
  'ctr -n k8s.io leases rm M',
]

describe('createContainerdSource()', () => {
  test('D14: removes what has another digest, pulls, looks, reads', async () => {
    expect(await run('cd'.repeat(32))).toEqual([
      'crictl --version',
      ...LOOK,
      `crictl rmi ${IMAGE}`,
      `crictl pull ${IMAGE}`,
      ...LOOK,
      ...READ,
    ])
  })

  test('removes nothing when the image is not here', async () => {
    expect(await run(undefined)).toEqual([
      'crictl --version',
      `crictl inspecti ${IMAGE}`,
      `crictl pull ${IMAGE}`,
      ...LOOK,
      ...READ,
    ])
  })

  test('pulls nothing when the image is here with the right digest', async () => {
    expect(await run(HEX)).toEqual(['crictl --version', ...LOOK, ...READ])
  })
})
