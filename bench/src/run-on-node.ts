// One command on a lab's virtual node, which has no login: the pod that docs/en/node.md describes.
import * as fs from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { RunningLab } from './bench-lab.ts'

const MANIFEST = path.resolve(import.meta.dir, '../../examples/lab/node-command.yaml')
const LOOK_MS = 1000
const LIMIT_MS = 10 * 60_000

interface CommandPod {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly containers: readonly [{ args: readonly string[] }] }
}

interface SeenPod {
  readonly status: {
    readonly containerStatuses?: readonly [
      { readonly state: { readonly terminated?: { readonly message?: string } } },
    ]
  }
}

/** Gives the end of what the command wrote. */
export async function runOnNode(lab: RunningLab, argv: readonly string[]): Promise<string> {
  const name = startOnNode(lab, argv)
  const deadlineMs = performance.now() + LIMIT_MS
  for (;;) {
    const seen = JSON.parse(lab.kubectl(['get', 'pod', name, '-o', 'json'])) as SeenPod
    const ended = seen.status.containerStatuses?.[0].state.terminated
    if (ended !== undefined) {
      lab.kubectl(['delete', 'pod', name, '--now'])
      return ended.message ?? ''
    }
    if (performance.now() > deadlineMs) throw new Error(`it did not end: ${argv.join(' ')}`)
    await Bun.sleep(LOOK_MS)
  }
}

/** Does not wait: a node that reboots tells nothing more. Gives the name of the pod. */
export function startOnNode(lab: RunningLab, argv: readonly string[]): string {
  const pod = parse(fs.readFileSync(MANIFEST, 'utf8')) as CommandPod
  pod.spec.containers[0].args = argv
  lab.kubectl(['apply', '-f', '-'], JSON.stringify(pod))
  return pod.metadata.name
}
