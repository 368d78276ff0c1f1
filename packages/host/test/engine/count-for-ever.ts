// A program for the journal's test: changes a journal as fast as it can and prints a dot for each
// change that is durable, until it is killed.
import { systemClock } from '@kubenest/base/clock'
import { silentLogger } from '@kubenest/base/log'
import { createJournal } from '../../src/agent/update/journal.ts'
import { initialJournalState } from '../../src/agent/update/journal-state.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'

const folder = process.argv[2] ?? ''
const journal = createJournal({
  folder,
  rawFiles: systemRawFiles,
  clock: systemClock,
  log: silentLogger,
})
for (;;) {
  await journal.change(initialJournalState('A'), (state) => {
    const tries = (state.tries[0]?.tries ?? 0) + 1
    const record = { digest: 'd', version: 'v', tries, failures: 0, allowed: 0, tokens: [] }
    return { ...state, tries: [record] }
  })
  process.stdout.write('.')
}
