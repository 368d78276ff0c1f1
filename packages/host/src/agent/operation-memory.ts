// The last operation as a file that lives until the next boot. What cannot be read or written is
// only missing in `status`.
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { ensureDirectory, readText, removePath, renamePath, writeFile } from '@kubenest/base/files'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import type { OperationMemory } from './operation-log.ts'
import { RUN_FOLDER } from './update/engine-context.ts'

type OperationRecord = NonNullable<AgentStatus['operation']>

const FILE = `${RUN_FOLDER}/operation`

/** Reads what an earlier process left, and keeps what comes. */
export async function openOperationMemory(deps: {
  readonly sysroot: SysRoot
  readonly log: Logger
}): Promise<OperationMemory> {
  const file = deps.sysroot.path(FILE)
  let last = Promise.resolve()
  return {
    before: await read(file),
    settled: () => last,
    keep(record) {
      last = last
        .then(() => write(deps.sysroot, record))
        .catch((cause: unknown) => {
          deps.log.warn('the operation could not be kept', { reason: toOsError(cause).message })
        })
    },
  }
}

async function read(file: string): Promise<OperationRecord | undefined> {
  try {
    const text = await readText(file)
    return text === undefined ? undefined : (JSON.parse(text) as OperationRecord)
  } catch {
    // Half-written or unreadable: as if there were none.
    return undefined
  }
}

async function write(sysroot: SysRoot, record: OperationRecord): Promise<void> {
  const file = sysroot.path(FILE)
  await ensureDirectory(sysroot.path(RUN_FOLDER), 0o700)
  await removePath(`${file}.new`)
  await writeFile(`${file}.new`, JSON.stringify(record), 0o600)
  await renamePath(`${file}.new`, file)
}
