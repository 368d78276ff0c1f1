// Makes the light nodes of a lab: images to upgrade to, and per node slots, ESP, persist folder,
// certificates and a supervisor loop.
import { createLogger } from '@kubenest/base/log'
import { runOrThrow } from '@kubenest/base/exec'
import { appendText, ensureDirectory, writeFile } from '@kubenest/base/files'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { renderGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import type { LabDeps } from './control-plane.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import type { LabRecord, LabNodeRecord } from './lab-record.ts'
import {
  GRUB_FOLDER,
  lightNodePaths,
  type LightPartitions,
  renderLightGrubConfig,
} from './light-layout.ts'
import { type LightNode, runLightNode } from './light-node.ts'
import { FACTORY_IMAGE } from './light-artefacts.ts'
import { makeLightUsr } from './light-usr.ts'

/** `light-1`, `light-2` and so on. */
export function lightNodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `light-${index + 1}`)
}

/** Starts all light nodes; they boot on their own. The returned promise ends when the lab stops. */
export async function startLightNodes(deps: LabDeps, record: LabRecord): Promise<Promise<void>[]> {
  const wanted = record.nodes.filter(({ kind }) => kind === 'light')
  if (wanted.length === 0) return []
  const usr = `${deps.paths.root}/usr`
  await makeLightUsr(usr)
  const proxyKubeconfig = `${deps.paths.pki}/upgrade.kubeconfig`
  const nodes: LightNode[] = []
  for (const node of wanted)
    nodes.push({ ...(await makeNode(deps, record, node)), usr, proxyKubeconfig })
  const running = nodes.map((node) => runLightNode(deps, node))
  await deps.step(`${nodes.length} light nodes are powered on`)
  return running
}

async function makeNode(
  deps: LabDeps,
  lab: LabRecord,
  record: LabNodeRecord,
): Promise<Omit<LightNode, 'usr' | 'proxyKubeconfig'>> {
  const { name } = record
  const paths = lightNodePaths(`${deps.paths.nodes}/${name}`)
  const grub = `${paths.esp}/${GRUB_FOLDER}`
  for (const folder of [paths.slots, grub, paths.run, paths.boot]) await ensureDirectory(folder)
  for (const folder of ['var', 'etc/KubeOS/certs', 'etcwork', 'opt', 'optwork'])
    await ensureDirectory(`${paths.persist}/${folder}`)
  const partitions = newPartitions()
  const environment = renderGrubEnvironment(new Map([['saved_entry', 'A']]))
  await writeFile(`${grub}/grub.cfg`, renderLightGrubConfig(partitions))
  await writeFile(`${grub}/grubenv`, environment)
  await writeFile(`${grub}/grubenv.bak`, environment)
  await copySparse(deps, `${deps.paths.images}/${FACTORY_IMAGE}`, paths.slotA)
  await runOrThrow(deps.exec, 'make the empty slot', {
    argv: ['mke2fs', '-q', '-t', 'ext4', '-L', 'ROOT-B', paths.slotB, '32M'],
  })
  const kubeconfig = await kubeconfigFor(deps.paths.pki, `node-${name}`, lab.apiServer, name)
  const kubeconfigPath = `${deps.paths.pki}/node-${name}.kubeconfig`
  await writeFile(kubeconfigPath, kubeconfig, 0o600)
  const client = createFetchClient(await loadKubeConfig({ env: {}, kubeconfigPath }))
  const logFile = `${deps.paths.logs}/node-${name}.log`
  const log = createLogger({ clock: deps.clock, write: (line) => appendText(logFile, line) })
  return { name, paths, partitions, client, record, log }
}

function newPartitions(): LightPartitions {
  return {
    esp: crypto.randomUUID(),
    slotA: crypto.randomUUID(),
    slotB: crypto.randomUUID(),
    persist: crypto.randomUUID(),
  }
}

async function copySparse(deps: LabDeps, from: string, to: string): Promise<void> {
  await runOrThrow(deps.exec, `copy ${from}`, {
    argv: ['cp', '--sparse=always', '--reflink=auto', from, to],
  })
}
