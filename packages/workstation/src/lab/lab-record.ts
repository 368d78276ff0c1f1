// lab.json: what a lab's supervisor tells the other commands. Written by the supervisor only.
import { OsError } from '@kubenest/base/errors'
import type { ProcessIdentity } from '@kubenest/base/daemon'
import { readText, replaceFile } from '@kubenest/base/files'
import type { GuestConfig } from '../qemu/guest-config.ts'
import type { VmVersion } from './vm-recipe.ts'

export type LabPhase = 'starting' | 'ready' | 'failed' | 'stopping'

/** A child program of the supervisor. */
export interface LabProcess {
  name: string
  identity: ProcessIdentity
  /** Times it was started again after it ended by itself. */
  restarts: number
}

/** One start of a node, as the boot loader decided it. */
export interface LabBoot {
  at: string
  slot: 'A' | 'B'
  version: string
  trial: boolean
  outcome: 'boots' | 'panics'
}

/** A node, seen from its power switch. */
export interface LabNodeRecord {
  name: string
  kind: 'light' | 'vm'
  power: 'off' | 'boot-loader' | 'panicked' | 'running'
  /** Why it is off. */
  reason?: string
  boots: LabBoot[]
}

/** Everything `status`, `down` and tests need to know. */
export interface LabRecord {
  name: string
  phase: LabPhase
  supervisor: ProcessIdentity
  /** Sentences, in order: what was done so far. */
  steps: string[]
  /** Why it failed. */
  error?: string
  startedAt: string
  apiServer: string
  imageServer: string
  nodes: LabNodeRecord[]
  processes: LabProcess[]
}

/** What `up` asks of the supervisor. */
export interface LabRequest {
  name: string
  lightNodes: number
  cacheRoot: string
  operator: boolean
  /** Absent when no virtual node is wanted. */
  vm?: VmRequest
  /** The lab ends, and removes its folder, when this process has ended; tests use it. */
  owner?: ProcessIdentity
  /** Where the control plane's programs are. */
  programs: Record<ControlPlaneProgram, string>
}

/** Virtual nodes, and what was made ready for them. */
export interface VmRequest {
  nodes: number
  /** Folder with the images of these versions. */
  images: string
  versions: VmVersion[]
  accelerator: 'kvm' | 'tcg'
  /** `unsafe` ignores flushes: fast, and wrong where power cuts are tested. */
  diskCache: GuestConfig['diskCache']
  /** Path of kube-scheduler: only pods that somebody runs need one. */
  scheduler: string
}

export const CONTROL_PLANE_PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
] as const
export type ControlPlaneProgram = (typeof CONTROL_PLANE_PROGRAMS)[number]

/** What labs with virtual nodes need more. */
export const VM_PROGRAMS = ['kube-scheduler', 'kubelet'] as const
export type VmProgram = (typeof VM_PROGRAMS)[number]

/** Reads lab.json; `undefined` when there is no lab, or only the remains of one. */
export async function readLabRecord(file: string): Promise<LabRecord | undefined> {
  return await readJson<LabRecord>(file)
}

/** Reads request.json; it was written by us a moment ago. */
export async function readLabRequest(file: string): Promise<LabRequest> {
  const request = await readJson<LabRequest>(file)
  if (request !== undefined) return request
  throw new OsError('invalid', {
    code: 'lab-request-missing',
    message: `Cannot start the lab: ${file} does not exist; use kubenest lab up`,
  })
}

/** Writes one of the two. */
export async function writeJson(file: string, value: LabRecord | LabRequest): Promise<void> {
  await replaceFile(file, `${JSON.stringify(value, undefined, 2)}\n`, 0o600)
}

async function readJson<T>(file: string): Promise<T | undefined> {
  const text = await readText(file)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new OsError('host', {
      code: 'lab-record-broken',
      message: `Cannot read ${file}: it is not JSON; remove its folder with kubenest lab down`,
      cause,
    })
  }
}
