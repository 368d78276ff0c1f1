// What each phase of the recordings allows: which contents of slots are complete, which slots have
// committed, and which versions files may have.
import { setExt4Label } from '../../src/agent/backends/ext4-superblock.ts'
import type { DiskRules } from './disk-judge.ts'
import { KEPT_FILE, KEPT_TEXT, type GuestParts, type Recording } from './guest/record-boots.ts'
import type { FileVersions } from './guest/run-guest.ts'
import type { Region } from './guest/node-disk.ts'
import { fileSystemId, lookAtTree } from './tree-look.ts'

const BOOT_PATH = '/boot/efi/EFI/openEuler/'

/** Rules of a phase of the node that is upgraded. */
export function upgradeRules(recordings: readonly Recording[], phase: string): DiskRules {
  const [upgrade, commit, rollBack] = recordings
  if (upgrade === undefined || commit === undefined || rollBack === undefined)
    throw new Error('There are three recordings of an upgrade')
  const isBeforeCommit = ['first-journal', 'abort', 'clean-up', 'upgrade', 'trial'].includes(phase)
  const isSettings = phase.startsWith('settings')
  return {
    complete: new Set([
      regionDigest(upgrade, upgrade.base, 'A'),
      regionDigest(upgrade, upgrade.end, 'B'),
      regionDigest(rollBack, rollBack.end, 'B'),
    ]),
    // The write of saved_entry is the commit itself. A tar replaces what B had committed.
    committed: new Set(isBeforeCommit || phase === 'tar' ? ['A'] : ['A', 'B']),
    mayLackJournal: phase === 'first-journal',
    ...fileRules(isSettings ? rollBack.versions : new Map()),
  }
}

/** Which versions the files of persist and of the boot folder may have. */
function fileRules(versions: FileVersions): Pick<DiskRules, 'persistFiles' | 'bootFiles'> {
  const isOnEsp = (file: string) => file.startsWith(BOOT_PATH)
  const files = [...versions]
  return {
    persistFiles: {
      [KEPT_FILE]: new Set([digestOf(KEPT_TEXT)]),
      ...Object.fromEntries(files.filter(([file]) => !isOnEsp(file))),
    },
    bootFiles: Object.fromEntries(
      files
        .filter(([file]) => isOnEsp(file))
        .map(([file, digests]) => [file.slice(BOOT_PATH.length), digests]),
    ),
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
  const versions = [...recording.versions].map(
    ([file, digests]) => [file, phase === 'retrofit' ? withAbsent(digests) : digests] as const,
  )
  return {
    complete: new Set([
      regionDigest(recording, recording.base, 'A'),
      regionDigest(recording, recording.end, 'B'),
    ]),
    committed: new Set(phase === 'retrofit' ? ['A'] : ['A', 'B']),
    mayLackJournal: phase === 'retrofit',
    ...fileRules(new Map(versions)),
  }
}

/** Rules of a guest that goes from v1 to v2 and is cut in this phase. */
export function cutRules({ v1, v2 }: GuestParts, phase: string): DiskRules {
  return {
    // The known-bad order copies the image as it is; the agent gives it the label of its slot.
    complete: new Set([digestOf(v1), digestOf(phase === 'bad switch' ? v2 : labelled(v2))]),
    committed: new Set(phase === 'upgrade' || phase === 'trial' ? ['A'] : ['A', 'B']),
    mayLackJournal: phase === 'bad switch',
    ...fileRules(new Map()),
  }
}

function labelled(image: Uint8Array): Uint8Array {
  const bytes = image.slice()
  setExt4Label(bytes, 'ROOT-B')
  return bytes
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
