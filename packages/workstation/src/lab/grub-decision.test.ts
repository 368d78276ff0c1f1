import { expect, test } from 'bun:test'
import { parseGrubScreen } from './grub-decision.ts'

const screen = [
  "\u001b[?25h\u001b[H\u001b[J  Booting `B'\r",
  '@@kubenest kernel hd0,gpt3 /boot/vmlinuz\r',
  '@@kubenest argument root=PARTUUID=bbb\r',
  '@@kubenest argument ro\r',
  '@@kubenest boot\r',
  '',
].join('\n')

test('parseGrubScreen() finds slot and arguments among terminal codes', () => {
  expect(parseGrubScreen(screen)).toEqual({
    slot: 'B',
    kernelArguments: ['root=PARTUUID=bbb', 'ro'],
  })
})

test('parseGrubScreen() takes the entry that booted, not one that was tried before it', () => {
  const tried = '@@kubenest kernel hd0,gpt2 /boot/vmlinuz\n@@kubenest argument root=PARTUUID=aaa\n'
  expect(parseGrubScreen(tried + screen)).toMatchObject({ slot: 'B' })
  expect(parseGrubScreen(tried + screen)?.kernelArguments).toEqual(['root=PARTUUID=bbb', 'ro'])
})

test('parseGrubScreen() finds nothing when no entry came as far as its initrd', () => {
  expect(parseGrubScreen(screen.replace('@@kubenest boot', ''))).toBeUndefined()
  expect(parseGrubScreen('')).toBeUndefined()
})
