import { expect, test } from 'bun:test'
import { blankText } from './blank-text.ts'
import { readSourceFiles } from './source-files.ts'

const rows: [string, string][] = [
  ['a // Bun.x\nb', 'a         \nb'],
  ['a /* Bun\nx */ b', 'a       \n     b'],
  ['f(\'Bun\', "Bun")', 'f(\'   \', "   ")'],
  ["f('it\\'s Bun')", "f('         ')"],
  ['`Bun ${Bun.x} Bun`', '`    ${Bun.x}    `'],
  ['`${a ? `${Bun}` : { b: 1 }} Bun`', '`${a ? `${Bun}` : { b: 1 }}    `'],
  ['x = /Bun[/"]/.test(y)', 'x = /       /.test(y)'],
  ['x = a / b / Bun', 'x = a / b / Bun'],
  ["y.replace(/'/g, '') + Bun", "y.replace(/ /g, '') + Bun"],
]
for (const [source, wanted] of rows)
  test(`blankText() turns ${JSON.stringify(source)} into code only`, () => {
    expect(blankText(source)).toBe(wanted)
  })

test('blankText() ends every file of this repository in code, with the same lines', async () => {
  for (const { path, text } of await readSourceFiles('.ts')) {
    const blank = blankText(`${text}\nEND_OF_FILE`)
    expect(blank.endsWith('\nEND_OF_FILE'), path).toBe(true)
    expect(blank.length, path).toBe(text.length + 12)
  }
})

test('blankText() tells literals from comments by the fill', () => {
  expect(blankText("'a\\'' // b\n`c\n//d`", '_')).toBe("'___'     \n`_\n___`")
})
