// Is a node of files in a legal state after an operation was cut off or has failed? The boot
// decision is the real GRUB's; every broken rule is one sentence.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { systemExec } from '@kubenest/base/system-exec'
import { createSysRoot } from '@kubenest/base/sysroot'
import { isGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { createJournal } from '../../src/agent/update/journal.ts'
import type { JournalState } from '../../src/agent/update/journal-state.ts'
import { tryLockFile } from '../../src/linux/file-lock.ts'
import type { FakeNode } from '../engine/fake-node.ts'
import { judgeState } from '../power-cut/judge-state.ts'
import type { FaultScene } from './fault-scene.ts'
import { SETTINGS_FILES } from './steps.ts'

const KNOWN_OF_PERSIST = /^(?:journal|journal\.lock|settings|slot\.lock)$/
const KNOWN_OF_BOOT = /^(?:grub\.cfg|grubenv|grubenv\.bak|custom\.cfg)$/

/** What would boot now is complete, and what the records say is true. */
export async function judgeDisks(scene: FaultScene): Promise<string[]> {
  const { node } = scene
  const paths = {
    a: node.slotFile('A'),
    b: node.slotFile('B'),
    environment: node.bootFile('grubenv'),
    backup: node.bootFile('grubenv.bak'),
    journal: path.join(node.root, 'persist/kubenest/journal'),
  }
  const files = new Map<string, Uint8Array>()
  for (const file of Object.values(paths)) {
    const bytes = await fs.readFile(file).catch(() => undefined)
    if (bytes !== undefined) files.set(file, new Uint8Array(bytes))
  }
  const state = await journalOf(node)
  const digests = [...files]
    .filter(([file]) => file === paths.a)
    .map(([, bytes]) => new Bun.CryptoHasher('sha256').update(bytes).digest('hex'))
  const target = await recordedDigest(state, files.get(paths.b))
  const context = {
    oracle: scene.oracle,
    menu: new Uint8Array(await fs.readFile(node.bootFile('grub.cfg'))),
    paths,
    complete: new Set([...digests, ...target]),
    committed: new Set(committedSlots(state)),
  }
  const broken = await judgeState(context, files)
  const environment = files.get(paths.environment)
  if (environment === undefined || !isGrubEnvironment(environment)) broken.push('I6: grubenv')
  // A node that never had a journal has none to lose.
  return state === undefined ? broken.filter((each) => !each.startsWith('I14')) : broken
}

/** The digest of the whole slot, where its recorded part is what was recorded. */
async function recordedDigest(
  state: JournalState | undefined,
  bytes: Uint8Array | undefined,
): Promise<string[]> {
  const record = state?.slots.B
  if (record?.digest === undefined || bytes === undefined) return []
  const hash = (part: Uint8Array) => new Bun.CryptoHasher('sha256').update(part).digest('hex')
  return hash(bytes.subarray(0, record.sizeBytes)) === record.digest ? [hash(bytes)] : []
}

/** During a trial the write of saved_entry is the commit itself. */
function committedSlots(state: JournalState | undefined): string[] {
  if (state === undefined) return ['A']
  const open = state.phase === 'Armed' && state.trial?.verdict === 'InTrial' ? ['B'] : []
  const recorded = (['A', 'B'] as const).filter((slot) => state.slots[slot].state === 'committed')
  return [...recorded, ...open]
}

/** What the journal of a node says. */
export function journalOf(node: FakeNode): Promise<JournalState | undefined> {
  const folder = createSysRoot(node.root).path('/persist/kubenest')
  return createJournal({ ...node.deps, folder }).read()
}

/** Mounts, loop devices, temporary files, locks. */
export async function findLeftovers(node: FakeNode): Promise<string[]> {
  const left: string[] = []
  const names = async (folder: string) => fs.readdir(path.join(node.root, folder)).catch(() => [])
  const strange = async (folder: string, known: RegExp) => {
    for (const name of await names(folder)) if (!known.test(name)) left.push(`${folder}/${name}`)
  }
  await strange('persist', /^kubenest$/)
  await strange('persist/kubenest', KNOWN_OF_PERSIST)
  await strange('boot/efi/EFI/openEuler', KNOWN_OF_BOOT)
  await strange('etc', /^(?:kubenest|os-release|sysctl\.conf|sysctl\.d)$/)
  await strange('etc/sysctl.d', /^90-new\.conf$/)
  const mounts = await fs.readFile('/proc/mounts', 'utf8')
  if (mounts.includes(node.root)) left.push('a mount')
  if (!(await areLoopsReleased(node))) left.push('a loop device')
  for (const name of await names('persist/kubenest')) {
    if (!name.endsWith('.lock')) continue
    const lock = await tryLockFile(path.join(node.root, 'persist/kubenest', name))
    if (lock === undefined) left.push(name)
    await lock?.release()
  }
  return left
}

/** The kernel lets go of a loop device some time after its last user. */
async function areLoopsReleased(node: FakeNode): Promise<boolean> {
  for (let tries = 0; tries < 400; tries += 1) {
    const loops = await systemExec.run({ argv: ['losetup', '-j', node.slotFile('B')] })
    if (loops.stdout === '') return true
    await Bun.sleep(5)
  }
  return false
}

/** I13: every settings file is the old or the new one. */
export async function judgeSettings(node: FakeNode): Promise<string[]> {
  const broken: string[] = []
  for (const [file, allowed] of Object.entries(SETTINGS_FILES)) {
    const text = await fs.readFile(path.join(node.root, file), 'utf8').catch(() => undefined)
    if (!allowed.includes(text)) broken.push(`I13: ${file} is ${JSON.stringify(text)}`)
  }
  return broken
}
