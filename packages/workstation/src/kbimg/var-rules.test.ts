// Names below /var are whatever packages bring: none may become a second rule or a specifier.
import { expect, test } from 'bun:test'
import { parseVarEntries, renderVarRules } from './var-rules.ts'

const FIND = [
  'd\t755\t0\t0\t/var\t',
  'd\t755\t0\t0\t/var/lib\t',
  'd\t2775\t0\t50\t/var/local\t',
  'f\t644\t0\t0\t/var/lib/a b\t',
  'f\t644\t0\t0\t/var/lib/100%\nd /etc\t',
  'l\t777\t0\t0\t/var/run\t/run',
  's\t777\t0\t0\t/var/lib/socket\t',
].join('\0')

test('renderVarRules() writes d, C and L lines with mode and owners, parents first', () => {
  expect(
    renderVarRules(parseVarEntries(`${FIND}\0`))
      .trim()
      .split('\n'),
  ).toEqual([
    'd /var/lib 755 0 0 -',
    'C /var/lib/100%%\\x0ad\\x20/etc - - - -',
    'C /var/lib/a\\x20b - - - -',
    'd /var/local 2775 0 50 -',
    'L /var/run - - - - /run',
  ])
})
