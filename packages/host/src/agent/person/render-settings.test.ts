import { expect, test } from 'bun:test'
import { renderDrift, renderPlan, renderSettingsStatus, renderUndo } from './render-settings.ts'

test('renderPlan() shows changed lines, what has no effect, and what it waits for', () => {
  const plan = renderPlan({
    changes: [
      {
        path: '/etc/sysctl.d/90-x.conf',
        kind: 'file',
        isNew: true,
        lines: [
          { sign: '-', text: 'a = 1' },
          { sign: '-', text: '' },
          { sign: '+', text: 'a = 2' },
          { sign: '-', text: '' },
        ],
        linesLeftOut: 3,
      },
    ],
    warnings: [{ model: 'kernel.sysctl', key: 'k', reason: 'no such key' }],
    waitsFor: ['kubelet.service'],
  })
  expect(plan).toBe(`/etc/sysctl.d/90-x.conf (new)
  - a = 1
  + a = 2
  - (empty lines: 2)
  … and 3 more lines
Without effect: kernel.sysctl k: no such key
Takes effect with a restart of: kubelet.service
`)
  expect(renderPlan({ changes: [], warnings: [], waitsFor: [] })).toBe('Nothing would change.\n')
})

test('renderDrift() counts what is watched and names what differs', () => {
  expect(renderDrift({ watched: 1, drift: [] })).toBe(
    '1 setting is watched; all are as they were applied.\n',
  )
  const drift = {
    model: 'kernel.sysctl',
    path: '/proc/sys/vm/swappiness',
    key: 'vm.swappiness',
    kind: 'changed',
    message: 'is 60, not 10',
  } as const
  expect(renderDrift({ watched: 3, drift: [drift] })).toBe(
    '3 settings are watched; 1 differs:\nchanged: /proc/sys/vm/swappiness kernel.sysctl vm.swappiness: is 60, not 10\n',
  )
})

test('renderUndo() names the files that are as before', () => {
  expect(renderUndo({ status: 'Undone', paths: ['/etc/a'], waitsFor: ['node'] })).toBe(
    'As before the last change:\n  /etc/a\nTakes effect with a restart of: node\n',
  )
  expect(renderUndo({ status: 'Undone', paths: [], waitsFor: [] })).toBe('Nothing had to change.\n')
})

test('renderSettingsStatus() tells what waits and how many have drifted, and nothing else', () => {
  const none = { changedAt: 't', canUndo: true, waiting: [], drift: [], driftCount: 0 }
  expect(renderSettingsStatus(undefined)).toEqual([])
  expect(renderSettingsStatus(none)).toEqual([])
  const waiting = [{ target: 'node' as const, since: 't', paths: ['/a', '/b'] }]
  expect(renderSettingsStatus({ ...none, waiting, driftCount: 2 })).toEqual([
    'Settings  Wait for a restart of node since t: /a, /b',
    'Settings  2 differ from what was applied; see os-agent drift',
  ])
})
