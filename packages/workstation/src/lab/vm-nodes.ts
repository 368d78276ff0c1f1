// Makes the virtual nodes of a lab: what their images offer, the proxy as DaemonSet, and per node a
// disk over the shared image, credentials, and a supervisor loop.
import { runOrThrow } from '@kubenest/base/exec'
import { digestFile, readText } from '@kubenest/base/files'
import { prepareGuest } from '../qemu/guest.ts'
import { applyManifests, type LabDeps } from './control-plane.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import type { LabNodeRecord, LabRecord, VmRequest } from './lab-record.ts'
import { VM_DISK } from './vm-images.ts'
import { renderProxyDaemonSet, VM_NODE_LABELS } from './vm-proxy.ts'
import { runVmNode, type VmNode } from './vm-node.ts'
import type { VmVersion } from './vm-recipe.ts'

const MEMORY_MIB = 2048
const CPUS = 2
/** Where a guest finds the machine's loopback, and the first address that guests get. */
const HOST_ADDRESS = '10.0.2.2'
const FIRST_ADDRESS = 15
const KUBERNETES_SERVICE = '10.96.0.1'

/** `vm-1`, `vm-2` and so on. */
export function vmNodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `vm-${index + 1}`)
}

/** Serves the images; returns the digests of the downloads. */
export async function offerVmImages(
  deps: LabDeps,
  request: VmRequest,
): Promise<Partial<Record<VmVersion, string>>> {
  await takeFile(deps, `${request.images}/${VM_DISK}`, baseImage(deps))
  const digests: Partial<Record<VmVersion, string>> = {}
  for (const version of request.versions) {
    if (version === 'v1') continue
    const served = `${deps.paths.images}/vm-${version}.img.zst`
    await takeFile(deps, `${request.images}/${version}.img.zst`, served)
    digests[version] = await digestFile(served)
  }
  await deps.step(`Images ${request.versions.join(', ')} of virtual nodes are ready`)
  return digests
}

function baseImage(deps: LabDeps): string {
  return `${deps.paths.nodes}/${VM_DISK}`
}

/** A link, so that the cache can be cleared while this lab runs; a copy over file systems. */
async function takeFile(deps: LabDeps, from: string, to: string): Promise<void> {
  const linked = await deps.exec.run({ argv: ['cp', '--link', '--', from, to] })
  if (linked.exitCode !== 0)
    await runOrThrow(deps.exec, `copy ${from}`, { argv: ['cp', '--sparse=always', '--', from, to] })
}

/** Starts all virtual nodes; they boot on their own. The promises end when the lab stops. */
export async function startVmNodes(deps: LabDeps, record: LabRecord): Promise<Promise<void>[]> {
  const { vm } = deps.request
  const wanted = record.nodes.filter(({ kind }) => kind === 'vm')
  if (vm === undefined || wanted.length === 0) return []
  await applyManifests(deps, 'the proxy as DaemonSet', renderProxyDaemonSet())
  const nodes: VmNode[] = []
  for (const [index, node] of wanted.entries())
    nodes.push({ record: node, guest: await makeGuest(deps, record, node, vm, index) })
  const running = nodes.map((node) => runVmNode(deps, node))
  await deps.step(`${nodes.length} virtual nodes are powered on (${vm.accelerator})`)
  return running
}

async function makeGuest(
  deps: LabDeps,
  lab: LabRecord,
  node: LabNodeRecord,
  request: VmRequest,
  index: number,
): Promise<VmNode['guest']> {
  const address = `10.0.2.${FIRST_ADDRESS + index}`
  const port = new URL(lab.apiServer).port
  const server = `https://${HOST_ADDRESS}:${port}`
  const { pki } = deps.paths
  return await prepareGuest(deps.exec, {
    name: node.name,
    folder: `${deps.paths.nodes}/${node.name}`,
    baseImage: baseImage(deps),
    memoryMib: MEMORY_MIB,
    cpus: CPUS,
    accelerator: request.accelerator,
    address,
    forwards: [],
    diskCache: request.diskCache,
    endsAtReboot: true,
    credentials: {
      'kubenest.lab.env': renderEnvironment({
        NODE_NAME: node.name,
        NODE_IP: address,
        NODE_LABELS: VM_NODE_LABELS,
        API_HOST: HOST_ADDRESS,
        API_PORT: port,
        SERVICE_IP: KUBERNETES_SERVICE,
      }),
      'kubenest.lab.kubeconfig': await kubeconfigFor(pki, `node-${node.name}`, server, node.name),
      'kubenest.lab.ca': (await readText(`${pki}/ca.crt`)) ?? '',
    },
  })
}

function renderEnvironment(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
