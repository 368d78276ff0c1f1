import { expect, test } from 'bun:test'
import type { AgentSlotDetail } from '@kubenest/api/agent/rpc'
import { renderSlots, renderVerifications } from './render-slots.ts'

const SLOT: AgentSlotDetail = {
  name: 'A',
  booted: true,
  version: 'KubeOS v1',
  state: 'committed',
  tries: 0,
  device: '/dev/vda2',
  sizeBytes: 1_006_632_960,
  partuuid: '5a7b',
  digest: 'ab',
  isSaved: true,
  isNext: false,
}

test('renderSlots() tells where a slot is, what it holds, and when it boots', () => {
  const next: AgentSlotDetail = {
    name: 'B',
    booted: false,
    version: 'KubeOS v2',
    state: 'verified',
    tries: 2,
    device: '/dev/vda3',
    sizeBytes: 5,
    isSaved: false,
    isNext: true,
  }
  expect(renderSlots([SLOT, next])).toBe(`Slot A (running)
  Version  KubeOS v1
  State    committed: has been healthy on this node
  Boots    by itself
  Device   /dev/vda2 (PARTUUID 5a7b), 1006632960 bytes
  Digest   ab

Slot B
  Version  KubeOS v2
  State    verified: written and read back, not booted yet
  Boots    next, once, on trial
  Device   /dev/vda3, 5 bytes
  Trials   2
`)
})

test('renderSlots() says of a slot that nothing boots that it is only chosen', () => {
  expect(renderSlots([{ ...SLOT, isSaved: false }])).toContain('Boots    only when chosen')
  expect(renderSlots([{ ...SLOT, isNext: true }])).toContain('Boots    next, and by itself')
})

test('renderVerifications() shows both digests of a slot that differs', () => {
  const message = 'Slot A is as written'
  expect(
    renderVerifications([
      { name: 'A', outcome: 'matches', recorded: 'r', found: 'r', message },
      { name: 'B', outcome: 'differs', recorded: 'r', found: 'f', message: 'Slot B is not' },
    ]),
  ).toBe('Slot A is as written\nSlot B is not\n  recorded r\n  found    f\n')
})
