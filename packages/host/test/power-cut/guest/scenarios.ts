// What the guest does in each boot, phase by phase. The names of phases are those that
// ../replay-phases.ts judges.
import * as fs from 'node:fs/promises'
import type { AgentSlot } from '@kubenest/api/agent/rpc'
import { imageUrl } from './serve-images.ts'
import {
  beginPhase,
  call,
  callFails,
  callOk,
  rebootAsked,
  runAgent,
  startAgent,
  status,
  tellVersion,
  until,
} from './guest-agent.ts'
import { BOOT_PATH, changeEnvironmentOften } from './environment-writes.ts'
import {
  breakMenu,
  breakSelector,
  switchBeforeCopy,
  switchWithoutFlush,
  writeSettingSlowly,
} from './known-bad.ts'
import { VERDICT_WORD } from './run-guest.ts'
import { SETTING_CASES, type SettingCase } from './setting-cases.ts'

export const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  upgrade,
  commit,
  'roll-back': rollBack,
  retrofit,
  'first-boot': firstBoot,
  'cut-upgrade': cutUpgrade,
  'cut-trial': cutTrial,
  'cut-careless': switchBeforeCopy,
  'after-cut': afterCut,
}

/** Slot A runs. First journal, abandoned and killed preparations, then an upgrade that is armed. */
async function upgrade(): Promise<void> {
  await beginPhase('first-journal')
  const agent = await startAgent()
  await until('the digest of slot A', async () => (await slot('A'))?.digest !== undefined)
  await beginPhase('abort')
  await callFails('prepare_upgrade', [await request('v9.img', '', 'f'.repeat(64))])
  await callFails('prepare_upgrade', [await request('v9.img', 'cut/')])
  await beginPhase('clean-up')
  const stalled = call('prepare_upgrade', [await request('v9.img', 'stall/')])
  stalled.catch(() => undefined)
  await until('half an image', async () => {
    const operation = (await status())?.operation
    return operation?.phase === 'Writing' && (operation.bytesDone ?? 0) > 1_000_000
  })
  await agent.kill()
  await startAgent()
  await beginPhase('upgrade')
  await callOk('prepare_upgrade', [await request('v2.img')])
  await callOk('upgrade')
  await rebootAsked()
}

/** Slot B is on trial: it is committed; then the node is told to go back. */
async function commit(): Promise<void> {
  await beginPhase('trial')
  await runAgent('trial-start')
  await startAgent()
  await beginPhase('commit')
  await runAgent('gate')
  await until('the commit', async () => (await status())?.trial?.verdict === 'Committed')
  await beginPhase('rollback')
  await callOk('rollback')
  await rebootAsked()
}

/** Slot A is on trial again: it is committed; then settings, and a tar is unpacked into slot B. */
async function rollBack(): Promise<void> {
  await runAgent('trial-start')
  await startAgent()
  await beginPhase('rollback-commit')
  await runAgent('gate')
  await until('the commit', async () => (await status())?.trial?.verdict === 'Committed')
  for (const each of SETTING_CASES) await changeSettings(each)
  await beginPhase('tar')
  await callOk('prepare_upgrade', [await request('v3.tar')])
}

/** A node with a menu of somebody else's; then the selector, and the known-bad orders. */
async function retrofit(): Promise<void> {
  await beginPhase('retrofit')
  await startAgent()
  await until('the digest of slot A', async () => (await slot('A'))?.digest !== undefined)
  await tellVersion(`${BOOT_PATH}/custom.cfg`)
  await changeEnvironmentOften()
  await writeSettingSlowly()
  await breakSelector()
  await breakMenu()
  await switchWithoutFlush()
}

/** A node that has an agent, and whose running slot is recorded. */
async function firstBoot(): Promise<void> {
  await startAgent()
  await until('the digest of slot A', async () => (await slot('A'))?.digest !== undefined)
}

/** An upgrade from the first byte to the reboot, to be cut anywhere. */
async function cutUpgrade(): Promise<void> {
  await startAgent()
  const asked = [await request('v2.img')]
  await beginPhase('upgrade')
  await callOk('prepare_upgrade', asked)
  await callOk('upgrade')
  await rebootAsked()
}

/** A trial until it is committed, to be cut anywhere. */
async function cutTrial(): Promise<void> {
  await beginPhase('trial')
  await runAgent('trial-start')
  await startAgent()
  await beginPhase('commit')
  await runAgent('gate')
  await until('the commit', async () => (await status())?.trial?.verdict === 'Committed')
}

/** What every boot of a node does; then what its cluster does: asks for the upgrade again. */
async function afterCut(): Promise<void> {
  await runAgent('trial-start')
  await startAgent()
  await runAgent('gate')
  await until('the verdict', async () => {
    const now = await status()
    return now !== undefined && now.trial?.verdict !== 'InTrial'
  })
  const verdict = (await status())?.trial?.verdict
  console.log(`${VERDICT_WORD} ${verdict ?? 'none'}`)
  if ((await slot('B'))?.booted === true) return
  const again = [await request('v2.img')]
  // One failure is enough: a further trial of this image needs a person (decision 5).
  if (verdict !== undefined) return callFails('prepare_upgrade', again)
  await callOk('prepare_upgrade', again)
  await callOk('upgrade')
  await rebootAsked()
}

async function changeSettings({ model, file, requests }: SettingCase): Promise<void> {
  await beginPhase(`settings ${model}`)
  if (file !== undefined) await tellVersion(file)
  for (const entry of requests) {
    await callOk('configure', [{ configs: [entry] }])
    if (file !== undefined) await tellVersion(file)
  }
}

/** What the agent says of a slot. */
export async function slot(name: 'A' | 'B'): Promise<AgentSlot | undefined> {
  return (await status())?.slots.find((each) => each.name === name)
}

/** The parameters of `prepare_upgrade` for an image of the guest. */
export async function request(name: string, manner = '', checksum?: string) {
  const content = await fs.readFile(`/usr/images/${name}`)
  const digest = new Bun.CryptoHasher('sha256').update(content).digest('hex')
  return {
    version: name.replace(/\..*/, ''),
    check_sum: checksum ?? digest,
    image_type: 'disk',
    container_image: '',
    image_url: imageUrl(`${manner}${name}`),
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
}
