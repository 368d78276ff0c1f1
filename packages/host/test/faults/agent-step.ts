// One operation of the shipped engine on a node of files, in a process of its own, under a
// supervisor from before its first durable call. Arguments: root, step, image, version. Prints
// `done`, or the error as JSON.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import { toOsError } from '@kubenest/base/errors'
import { silentLogger } from '@kubenest/base/log'
import { createSysRoot } from '@kubenest/base/sysroot'
import { systemExec } from '@kubenest/base/system-exec'
import { createSettings } from '../../src/agent/settings/settings.ts'
import { deadline, gate, trialStart } from '../../src/agent/update/commands.ts'
import { createUpdateEngine } from '../../src/agent/update/engine.ts'
import { writeKernelValue } from '../../src/linux/kernel-value.ts'
import { systemRawFiles } from '../../src/linux/raw-file.ts'
import { requestFor, until } from '../engine/requests.ts'
import { hastyClock } from './hasty-clock.ts'
import { installFilter } from './install-filter.ts'
import { OPERATION, SETTINGS, type Step } from './steps.ts'
import { DURABLE_CALLS, READING_CALLS } from './system-calls.ts'

const [root = '', step = '', file = '', version = '', reading = ''] = process.argv.slice(2)
const never = new AbortController().signal
const image = file === '' ? new Uint8Array(0) : new Uint8Array(await fs.readFile(file))

async function* pieces(): AsyncGenerator<Uint8Array> {
  const size = 300_007
  for (let at = 0; at < image.length; at += size) yield image.subarray(at, at + size)
}

const deps = {
  sysroot: createSysRoot(root),
  clock: hastyClock,
  log: silentLogger,
  exec: systemExec,
  rawFiles: systemRawFiles,
  architecture: 'x86_64',
  source: { open: async () => ({ sizeBytes: image.length, bytes: pieces() }) },
  stop: never,
  reboot: async () => {},
}

const steps: Readonly<Record<Step, () => Promise<unknown>>> = {
  recover: async () => {
    const engine = createUpdateEngine(deps)
    await engine.recover()
    await until('the end of the background work', async () => !engine.hasBackgroundWork())
  },
  prepare: async () => {
    const engine = createUpdateEngine(deps)
    await engine.recover()
    await engine.prepare({ ...requestFor(image, version), ...OPERATION }, () => {}, never)
  },
  upgrade: async () => {
    const engine = createUpdateEngine(deps)
    await engine.recover()
    await engine.activate(OPERATION)
  },
  rollback: async () => {
    const engine = createUpdateEngine(deps)
    await engine.recover()
    await engine.rollBack(OPERATION)
  },
  configure: () =>
    createSettings({ ...deps, ownerUid: process.getuid?.() ?? 0, writeKernelValue }).configure({
      configs: [...SETTINGS],
    }),
  commit: async () => {
    await trialStart(deps)
    const code = await gate(deps, never)
    if (code !== 0) throw new Error(`gate ended with ${code}`)
  },
  deadline: async () => {
    await trialStart(deps)
    const code = await deadline(deps)
    if (code !== 0) throw new Error(`deadline ended with ${code}`)
  },
}

// Before the filter: what the run time does at its first file access is not the agent's doing.
await fs.stat(path.join(root, 'persist'))
const operation = steps[step as Step]
installFilter(reading === '' ? DURABLE_CALLS : [...DURABLE_CALLS, ...READING_CALLS])
try {
  await operation()
  process.stdout.write('done\n')
} catch (cause) {
  const { kind, code, message } = toOsError(cause)
  process.stdout.write(`${JSON.stringify({ kind, code, message })}\n`)
}
process.exit(0)
