// What each phase of the recordings allows: which contents of slots are complete, which slots have
// committed, and which versions files may have.
import type { DiskRules } from './disk-judge.ts'
import { KEPT_FILE, KEPT_TEXT, type Recording } from './guest/record-boots.ts'
import type { Region } from './guest/node-disk.ts'
import { fileSystemId, lookAtTree } from './tree-look.ts'

const BOOT_PATH = '/boot/efi/EFI/openEuler/'

/** Rules of a phase of the node that is upgraded. */
export function upgradeRules(recordings: readonly Recording[], phase: string): DiskRules {
  const [upgrade, commit, rollBack] = recordings
  if (upgrade === undefined || commit === undefined || rollBack === undefined)
    throw new Error('There are three recordings of an upgrade')
  const isCommitting = ['commit', 'rollback', 'rollback-commit'].includes(phase)
  return {
    complete: new Set([
      regionDigest(upgrade, upgrade.base, 'A'),
      regionDigest(upgrade, upgrade.end, 'B'),
      regionDigest(rollBack, rollBack.end, 'B'),
    ]),
    // The write of saved_entry is the commit itself.
    committed: new Set(isCommitting ? ['A', 'B'] : ['A']),
    mayLackJournal: phase === 'first-journal',
    persistFiles: { [KEPT_FILE]: new Set([keptDigest()]) },
    bootFiles: {},
  }
}

/** Rules while a tar is unpacked into slot B; the folder is for a look at the finished one. */
export async function tarRules(
  recordings: readonly Recording[],
  folder: string,
): Promise<DiskRules> {
  const rules = upgradeRules(recordings, 'tar')
  const rollBack = recordings[2]
  if (rollBack === undefined) throw new Error('There is no recording of a tar')
  const { start, size } = rollBack.layout.B
  const slot = rollBack.end.slice(start, start + size)
  const look = await lookAtTree(folder, slot)
  if (typeof look === 'string') throw new Error(`The finished slot of the tar has: ${look}`)
  return { ...rules, treeOfB: { fileSystemId: fileSystemId(slot), digest: look.digest } }
}

/** Rules of a phase of the node whose menu somebody else made. */
export function retrofitRules(recording: Recording, phase: string): DiskRules {
  const files = [...recording.versions].map(
    ([file, digests]) => [file, phase === 'retrofit' ? withAbsent(digests) : digests] as const,
  )
  const isOnEsp = (file: string) => file.startsWith(BOOT_PATH)
  const isSettings = phase.includes('settings')
  return {
    complete: new Set([
      regionDigest(recording, recording.base, 'A'),
      regionDigest(recording, recording.end, 'B'),
    ]),
    committed: new Set(phase === 'retrofit' || isSettings ? ['A'] : ['A', 'B']),
    mayLackJournal: phase === 'retrofit',
    persistFiles: {
      [KEPT_FILE]: new Set([keptDigest()]),
      ...(isSettings ? Object.fromEntries(files.filter(([file]) => !isOnEsp(file))) : {}),
    },
    bootFiles: Object.fromEntries(
      files
        .filter(([file]) => isOnEsp(file))
        .map(([file, digests]) => [file.slice(BOOT_PATH.length), digests]),
    ),
  }
}

/** A new file on FAT: nothing, or an empty one where the cut hit its rename, or all of it. */
function withAbsent(digests: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...digests, 'absent', digestOf('')])
}

function regionDigest({ layout }: Recording, disk: Uint8Array, region: Region): string {
  const { start, size } = layout[region]
  return digestOf(disk.subarray(start, start + size))
}

function digestOf(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}

function keptDigest(): string {
  return digestOf(KEPT_TEXT)
}
