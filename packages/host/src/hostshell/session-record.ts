// Where host shell sessions are recorded: the host's journal, which keeps it from the container
// that the session came from; the kernel's log where the host runs no journald.
import { OsError } from '@kubenest/base/errors'
import { appendText, stat } from '@kubenest/base/files'
import { openJournalStream, type JournalStream } from '../linux/journal-stream.ts'

/** Opens the record; `hostRoot` is the host's root folder. Throws when nothing can be recorded. */
export async function openSessionRecord(hostRoot: string): Promise<JournalStream> {
  const journal = await openJournalStream('hostshell', `${hostRoot}/run/systemd/journal`)
  if (journal !== undefined) return journal
  const kernelLog = `${hostRoot}/dev/kmsg`
  if ((await stat(kernelLog)) === undefined)
    throw new OsError('host', {
      code: 'session-not-recorded',
      message:
        'Cannot start a host shell: it would leave no trace; neither journald nor the kernel log of the host can be reached',
    })
  return {
    write: (line) => appendText(kernelLog, `<6>hostshell: ${line}`),
    close: async () => {},
  }
}
