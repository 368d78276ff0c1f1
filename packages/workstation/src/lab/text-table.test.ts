import { expect, test } from 'bun:test'
import { renderTable } from './text-table.ts'

test('renderTable() aligns columns and leaves no blanks at the end', () => {
  expect(
    renderTable(
      ['A', 'LONGER'],
      [
        ['first', 'x'],
        ['b', ''],
      ],
    ),
  ).toEqual(['A       LONGER', 'first   x', 'b'])
})

test('renderTable() prints the head alone when there are no rows', () => {
  expect(renderTable(['A', 'B'], [])).toEqual(['A   B'])
})
