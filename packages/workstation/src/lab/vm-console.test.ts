import { expect, test } from 'bun:test'
import { readConsole } from './vm-console.ts'

const MENU = "\u001b[37m  Booting `A'\r\n\r\nerror: no suitable video mode found.\r\n"
const MENU_B = MENU.replace('A', 'B')
const BOOTED = [
  'kubenest-lab: booted',
  'NAME="KubeOS"',
  'PRETTY_NAME="KubeOS v2"',
  'BOOT_IMAGE=/boot/vmlinuz root=PARTUUID=1 ro kubenest.env=primary kubenest.trial=1 panic=3',
  '',
].join('\r\n')

test('readConsole() knows the chosen slot before anything was booted', () => {
  expect(readConsole(MENU)).toEqual({ slot: 'A', panicked: false })
  expect(readConsole(MENU_B)).toEqual({ slot: 'B', panicked: false })
})

test('readConsole() reads version and trial from the lab’s own lines', () => {
  expect(readConsole(`${MENU_B}\r\n${BOOTED}`).booted).toEqual({
    version: 'KubeOS v2',
    trial: true,
  })
  const settled = BOOTED.replace(' kubenest.trial=1', '')
  expect(readConsole(settled).booted).toEqual({ version: 'KubeOS v2', trial: false })
})

test('readConsole() waits until the lines are complete', () => {
  expect(readConsole(BOOTED.slice(0, 60)).booted).toBeUndefined()
})

test('readConsole() sees a panic', () => {
  const panic = '[    9.1] Kernel panic - not syncing: sysrq triggered crash\r\n'
  expect(readConsole(`${MENU}${BOOTED}${panic}`).panicked).toBe(true)
})

test('readConsole() knows the slot that GRUB fell back to', () => {
  expect(readConsole(`${MENU_B}  Falling back to \`A'\r\n`).slot).toBe('A')
})
