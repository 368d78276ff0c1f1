import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import * as os from 'node:os'
import path from 'node:path'
import { systemClock } from './clock.ts'
import {
  type Daemon,
  identifyProcess,
  isRunning,
  ownIdentity,
  signalProcess,
  startDaemon,
  stopProcess,
} from './daemon.ts'

let folder: string
let started: Daemon[]

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'daemon-'))
  started = []
})

afterEach(async () => {
  for (const { identity } of started) await stopProcess(identity, systemClock, 0)
  fs.rmSync(folder, { recursive: true })
})

function start(...argv: [string, ...string[]]): Daemon {
  const daemon = startDaemon({ argv, logFile: `${folder}/log` })
  started.push(daemon)
  return daemon
}

test('startDaemon() writes output to its log, readable by its owner only', async () => {
  const daemon = start('echo', 'hello')
  expect(await daemon.exited).toBe(0)
  expect(fs.readFileSync(`${folder}/log`, 'utf8')).toBe('hello\n')
  expect(fs.statSync(`${folder}/log`).mode & 0o777).toBe(0o600)
})

test('isRunning() tells a process from another one that got its id', () => {
  const own = ownIdentity()
  expect(isRunning(own)).toBe(true)
  expect(isRunning({ ...own, startTicks: own.startTicks + 1 })).toBe(false)
  expect(isRunning({ ...own, bootId: 'of an earlier boot' })).toBe(false)
})

test('signalProcess() leaves a stranger with the same id alone', async () => {
  const { identity } = start('sleep', '60')
  signalProcess({ ...identity, startTicks: identity.startTicks + 1 }, 'SIGKILL')
  await systemClock.sleep(20)
  expect(isRunning(identity)).toBe(true)
})

test('stopProcess() kills what ignores being asked', async () => {
  const script = 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'
  const { identity } = start(process.execPath, '-e', script)
  while (!fs.readFileSync(`${folder}/log`, 'utf8').includes('up')) await systemClock.sleep(10)
  await stopProcess(identity, systemClock, 100)
  expect(isRunning(identity)).toBe(false)
})

test('identifyProcess() knows nothing of an id that nobody has', () => {
  expect(identifyProcess(4_194_305)).toBeUndefined()
})

test('startDaemon() binds the program to the life of the one that started it', async () => {
  const parent = `const { startDaemon } = await import(${JSON.stringify(`${import.meta.dir}/daemon.ts`)})
    const child = startDaemon({ argv: ['sleep', '60'], logFile: ${JSON.stringify(`${folder}/child`)} })
    console.log(JSON.stringify(child.identity))
    setInterval(() => {}, 1000)`
  const { identity } = start(process.execPath, '-e', parent)
  const log = () => fs.readFileSync(`${folder}/log`, 'utf8')
  while (!log().includes('}')) await systemClock.sleep(10)
  const child = JSON.parse(log()) as typeof identity
  expect(isRunning(child)).toBe(true)
  process.kill(identity.pid, 'SIGKILL')
  for (let looks = 0; isRunning(child) && looks < 200; looks += 1) await systemClock.sleep(10)
  expect(isRunning(child)).toBe(false)
})
