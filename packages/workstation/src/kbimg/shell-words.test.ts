// bash itself judges: what comes back is what went in, and nothing else happened.
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { quoteWord, quoteWords } from './shell-words.ts'

async function readBack(words: readonly string[]): Promise<string[]> {
  const script = `printf '%s\\0' ${quoteWords(words)}\n`
  const child = Bun.spawn(['bash', '-u', '-c', script], {
    stderr: 'pipe',
    env: { LC_ALL: 'C.UTF-8' },
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect(stderr).toBe('')
  return stdout.split('\0').slice(0, -1)
}

const HOSTILE = [
  '',
  "it's",
  '$HOME',
  '`id`',
  '$(id)',
  'a\nid\n#',
  '\\',
  "\\'",
  "'; id; '",
  '"$(id)"',
  '!x',
  '~',
  '*',
  '# not a comment',
  '\u001b[31m',
  "\n'\\x41",
  'ä 中文',
  '-n',
]

test('quoteWords() gives bash back every hostile word, in one line', async () => {
  expect(await readBack(HOSTILE)).toEqual(HOSTILE)
  expect(quoteWords(HOSTILE)).not.toContain('\n')
})

const LETTERS = `abx017 '"$\`\\!~*?#;&|<>(){}[]=^%-\n\t\r\u001b\u007fä中`.split('')

test('quoteWord() gives bash back whatever characters a word holds', async () => {
  const word = fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 100, maxLength: 150 }), async (words) => {
      expect(await readBack(words)).toEqual(words)
      expect(words.map(quoteWord).join('')).not.toContain('\n')
    }),
    { numRuns: 3, endOnFailure: true },
  )
}, 30_000)
