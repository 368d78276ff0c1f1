// What virtual nodes are offered: links to cached images, and digests of the downloads.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '@kubenest/base/clock'
import { systemExec } from '@kubenest/base/system-exec'
import type { LabDeps } from './control-plane.ts'
import { labPaths } from './lab-paths.ts'
import type { LabRecord, VmRequest } from './lab-record.ts'
import { offerVmImages, startVmNodes, vmNodeNames } from './vm-nodes.ts'

const REQUEST: Omit<VmRequest, 'images'> = {
  nodes: 2,
  versions: ['v1', 'v2', 'v4'],
  accelerator: 'tcg',
  diskCache: 'unsafe',
  scheduler: 'scheduler',
}

let root = ''
let steps: string[] = []
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'vm-nodes-'))
  steps = []
  for (const folder of ['cache', 'lab/images', 'lab/nodes'])
    await fs.mkdir(path.join(root, folder), { recursive: true })
  for (const file of ['v1.qcow2', 'v2.img.zst', 'v3.img.zst', 'v4.img.zst'])
    await fs.writeFile(path.join(root, 'cache', file), file)
})
afterEach(() => fs.rm(root, { recursive: true }))

function deps(): LabDeps {
  const vm = { ...REQUEST, images: path.join(root, 'cache') }
  const programs = { etcd: '', 'kube-apiserver': '', 'kube-controller-manager': '', kubectl: '' }
  return {
    clock: systemClock,
    exec: systemExec,
    paths: labPaths(path.join(root, 'lab')),
    request: { name: 'x', lightNodes: 0, cacheRoot: root, operator: false, vm, programs },
    processes: {
      start: () => {
        throw new Error('nothing shall start')
      },
      list: () => [],
      stopAll: async () => {},
    },
    changed: () => {},
    step: async (sentence) => void steps.push(sentence),
    stop: new AbortController().signal,
  }
}

function digestOf(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}

test('offerVmImages() serves wanted versions with their digests, and survives a cleared cache', async () => {
  const images = path.join(root, 'cache')
  expect(await offerVmImages(deps(), { ...REQUEST, images })).toEqual({
    v2: digestOf('v2.img.zst'),
    v4: digestOf('v4.img.zst'),
  })
  await fs.rm(images, { recursive: true })
  expect((await fs.readdir(path.join(root, 'lab/images'))).sort()).toEqual([
    'vm-v2.img.zst',
    'vm-v4.img.zst',
  ])
  expect(await fs.readFile(path.join(root, 'lab/nodes/v1.qcow2'), 'utf8')).toBe('v1.qcow2')
  expect(steps).toEqual(['Images v1, v2, v4 of virtual nodes are ready'])
})

test('offerVmImages() says which image is missing', async () => {
  const images = path.join(root, 'cache')
  await fs.rm(path.join(images, 'v4.img.zst'))
  await expect(offerVmImages(deps(), { ...REQUEST, images })).rejects.toThrow(/copy .*v4\.img\.zst/)
})

test('vmNodeNames() counts from one', () => {
  expect(vmNodeNames(0)).toEqual([])
  expect(vmNodeNames(2)).toEqual(['vm-1', 'vm-2'])
})

test('startVmNodes() starts nothing in a lab without virtual nodes', async () => {
  const record: LabRecord = {
    name: 'x',
    phase: 'starting',
    supervisor: { pid: 1, startTicks: 1, bootId: '' },
    steps: [],
    startedAt: '',
    apiServer: '',
    imageServer: '',
    nodes: [{ name: 'light-1', kind: 'light', power: 'off', boots: [] }],
    processes: [],
  }
  expect(await startVmNodes(deps(), record)).toEqual([])
})
