// The record of settings beside the journal: replaced as a whole, flushed, with a digest. A broken
// one is kept for people and counts as none.
import { toOsError } from '@kubenest/base/errors'
import { ensureDirectory, readText, removeLeftovers, replaceFile, stat } from '@kubenest/base/files'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { sha256Hex } from '../../linux/sha256.ts'
import {
  EMPTY_RECORD,
  parseSettingsRecord,
  renderSettingsRecord,
  type SettingsRecord,
} from './settings-record.ts'

const FOLDER = '/persist/kubenest'
const FILE = `${FOLDER}/settings`

export interface SettingsStore {
  read(): Promise<SettingsRecord>
  /** Durable when it resolves. */
  write(record: SettingsRecord): Promise<void>
}

/** True when settings were ever applied on this node. */
export async function hasSettingsRecord(sysroot: SysRoot): Promise<boolean> {
  return (await stat(sysroot.path(FILE))) !== undefined
}

/** The store of a system; touches nothing before it is used. */
export function createSettingsStore(deps: {
  readonly sysroot: SysRoot
  readonly log: Logger
}): SettingsStore {
  const file = deps.sysroot.path(FILE)
  return {
    async read() {
      const text = await readText(file)
      if (text === undefined) return EMPTY_RECORD
      const record = parseSettingsRecord(text, sha256Hex)
      if (record === undefined) await keepBroken(deps.log, file, text)
      return record ?? EMPTY_RECORD
    },
    async write(record) {
      await ensureDirectory(deps.sysroot.path(FOLDER), 0o700)
      await removeLeftovers(file)
      await replaceFile(file, renderSettingsRecord(record, sha256Hex), 0o600)
    },
  }
}

async function keepBroken(log: Logger, file: string, text: string): Promise<void> {
  log.warn('the record of settings is broken and counts as none', { file })
  try {
    await replaceFile(`${file}.broken`, text, 0o600)
  } catch (cause) {
    // A copy for people: without room for it the work must still go on.
    log.warn('the broken record could not be kept', { reason: toOsError(cause).message })
  }
}
