// What the guest does while requests of its disk fail (R-08). Answers go to the host as marks, so
// that they stand in one order with the requests that failed.
import * as fs from 'node:fs/promises'
import { constants } from 'node:fs'
import { createBootEnvironment } from '../../../src/agent/bootloader/boot-environment.ts'
import { systemRawFiles } from '../../../src/linux/raw-file.ts'
import { MARKS, ORDER_WORD } from '../errors/faulty-disk.ts'
import { BOOT_PATH } from './environment-writes.ts'
import { call, readOrder, rebootAsked, startAgent, until, writeMark } from './guest-agent.ts'
import { request, slot } from './scenarios.ts'

export const RAW_IMAGE = 'v2.img'
export const TAR_IMAGE = 'v3.tar'

/** A proxy repeats what was refused; the third refusal is the last one in a run. */
const ATTEMPTS = 3
const PIECE_BYTES = 512 * 1024
const CARELESS_TRIES = 20

export const ERROR_SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  settle,
  ready: waitForOrder,
  'again-raw': () => upgradeAgain(RAW_IMAGE),
  'again-tar': () => upgradeAgain(TAR_IMAGE),
}

const ORDERS: Readonly<Record<string, () => Promise<void>>> = {
  'errors-raw': () => upgradeAmidErrors(RAW_IMAGE, false),
  'errors-raw-calm': () => upgradeAmidErrors(RAW_IMAGE, true),
  'errors-tar': () => upgradeAmidErrors(TAR_IMAGE, false),
  'errors-tar-calm': () => upgradeAmidErrors(TAR_IMAGE, true),
  'errors-careless': upgradeCarelessly,
}

/** An agent serves; the host keeps this moment, and tells each copy of it what to do. */
async function waitForOrder(): Promise<void> {
  await startAgent()
  Bun.spawnSync(['/usr/bin/sync'])
  await writeMark(MARKS.ready)
  let name = ''
  await until('an order', async () => {
    const text = await readOrder()
    if (text.startsWith(ORDER_WORD)) name = text.slice(ORDER_WORD.length)
    return name !== ''
  })
  const order = ORDERS[name]
  if (order === undefined) throw new Error(`There is no order ${name}`)
  await order()
}

/** The first start of an agent on a node, before anything fails. */
async function settle(): Promise<void> {
  await startAgent()
  await until('the digest of slot A', async () => (await slot('A'))?.digest !== undefined)
  Bun.spawnSync(['/usr/bin/sync'])
}

async function upgradeAmidErrors(image: string, isCalmAtLast: boolean): Promise<void> {
  const wanted = await request(image)
  await writeMark(MARKS.begin)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await writeMark(`attempt ${attempt}`)
    if (!(await isDone('prepare_upgrade', [wanted]))) continue
    if (await isDone('upgrade')) break
  }
  await endErrors(isCalmAtLast)
}

/** The next boot, which nothing disturbs. */
async function upgradeAgain(image: string): Promise<void> {
  await startAgent()
  await writeMark('attempt 1')
  if (!(await isDone('prepare_upgrade', [await request(image)]))) return
  if (await isDone('upgrade')) await rebootAsked()
}

/** A known-bad order: errors are not looked at, a flush that fails is repeated and believed. */
async function upgradeCarelessly(): Promise<void> {
  const image = await fs.readFile(`/usr/images/${RAW_IMAGE}`)
  const { saved_entry, next_entry } = { saved_entry: 'A', next_entry: 'B' }
  await writeMark(MARKS.begin)
  await writeMark('attempt 1')
  const device = await fs.open('/dev/vda3', constants.O_RDWR)
  for (let at = 0; at < image.length; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, image.length - at)
    await untilDone(() => device.write(image, at, length, at))
    await untilDone(() => device.sync())
  }
  await untilDone(() => device.close())
  const environment = createBootEnvironment(BOOT_PATH, systemRawFiles)
  await untilDone(() => environment.change({ saved_entry, next_entry }))
  for (const method of ['prepare_upgrade', 'upgrade']) await writeMark(`${method} ok`)
  await endErrors(true)
}

async function untilDone(task: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < CARELESS_TRIES; tries += 1) {
    try {
      await task()
      return
    } catch {
      // Once more, as if nothing had been lost: this is the mistake.
    }
  }
}

/** Errors end; then the power goes, at once or when the kernel has written all that it holds. */
async function endErrors(isCalm: boolean): Promise<void> {
  await writeMark(MARKS.end)
  if (isCalm) Bun.spawnSync(['/usr/bin/sync'])
  await writeMark(MARKS.cut)
  await new Promise(() => undefined)
}

/** Calls, and tells the host what came of it. */
async function isDone(method: string, params: readonly unknown[] = []): Promise<boolean> {
  const refusal = await refusalOf(method, params)
  await writeMark(`${method} ${refusal === undefined ? 'ok' : `refused ${refusal}`}`)
  return refusal === undefined
}

async function refusalOf(method: string, params: readonly unknown[]): Promise<string | undefined> {
  try {
    const answer = await call(method, params)
    return 'error' in answer ? answer.error.message : undefined
  } catch (cause) {
    return `no answer: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}
