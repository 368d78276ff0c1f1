import { expect, test } from 'bun:test'
import { lightNodePaths } from './light-layout.ts'
import { sandboxCommand } from './light-sandbox.ts'

const spec = {
  node: 'light-1',
  paths: lightNodePaths('/lab/light-1'),
  partitions: { esp: 'e', slotA: 'aa', slotB: 'bb', persist: 'p' },
  usr: '/lab/usr',
  visible: ['/opt/kubenest-host', '/usr/local/bin/bun'],
}
const command = sandboxCommand(spec, ['os-agent', 'gate'])

function pairsOf(option: string): string[] {
  return command.flatMap((word, index) =>
    word === option ? [`${command[index + 1]} ${command[index + 2]}`] : [],
  )
}

test('sandboxCommand() takes every capability away', () => {
  expect(command[command.indexOf('--cap-drop') + 1]).toBe('ALL')
  expect(command).not.toContain('--cap-add')
})

test('sandboxCommand() shows the units of the booted image, not those of this machine', () => {
  expect(pairsOf('--ro-bind')).toContain('/lab/light-1/booted/usr/lib/systemd /usr/lib/systemd')
})

test('sandboxCommand() dies with the supervisor', () => {
  expect(command).toContain('--die-with-parent')
})

test('sandboxCommand() lets a node write to its own files only', () => {
  for (const pair of pairsOf('--bind')) expect(pair.startsWith('/lab/light-1/')).toBe(true)
})

test('sandboxCommand() links each slot by GUID and label, as udev does', () => {
  const links = pairsOf('--symlink')
  expect(links).toContain('/slots/a /dev/disk/by-partuuid/aa')
  expect(links).toContain('/slots/b /dev/disk/by-partuuid/bb')
  expect(links).toContain('/slots/a /dev/disk/by-label/ROOT-A')
})

test('sandboxCommand() shows programs outside /usr, and ends with the command', () => {
  expect(pairsOf('--ro-bind')).toContain('/opt/kubenest-host /opt/kubenest-host')
  expect(pairsOf('--ro-bind').join('\n')).not.toContain('/usr/local/bin/bun')
  expect(command.slice(command.indexOf('--') + 1)).toEqual(['os-agent', 'gate'])
})
