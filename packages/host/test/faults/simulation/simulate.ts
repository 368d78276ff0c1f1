// Runs lives of simulated nodes. The engine is the shipped one; three of its files are replaced
// before it is loaded: the file functions and the lock (a disk in memory), and the back-end.
// Arguments: lives, seed, steps, and the name of a mistake that is planted. Prints one line of
// JSON.
import path from 'node:path'
import { KNOWN_MISTAKES, type KnownMistake } from './known-mistakes.ts'

const STAND_INS: Readonly<Record<string, string>> = {
  'base/src/files.ts': 'sim-files.ts',
  'host/src/linux/file-lock.ts': 'sim-lock.ts',
  'host/src/agent/backends/ab-ext4.ts': 'sim-backend.ts',
}

/** Most of the time would go into comparing zeros. */
const SMALL_JOURNAL: KnownMistake = {
  name: 'small journal',
  file: 'host/src/agent/update/journal-record.ts',
  right: 'JOURNAL_RECORD_BYTES = 32_768',
  wrong: 'JOURNAL_RECORD_BYTES = 8_192',
}

const [lives = '1000', seed = '1', stepsMax = '50', mistake = ''] = process.argv.slice(2)

Bun.plugin({
  name: 'simulation',
  setup(build) {
    for (const [file, standIn] of Object.entries(STAND_INS))
      build.onLoad({ filter: endingIn(file) }, async (args) => ({
        contents: await standInFor(args.path, path.join(import.meta.dir, standIn)),
        loader: 'ts',
      }))
    const changes = [SMALL_JOURNAL, ...mistakeNamed(mistake)]
    for (const file of new Set(changes.map((each) => each.file)))
      build.onLoad({ filter: endingIn(file) }, async (args) => ({
        contents: changes
          .filter((each) => each.file === file)
          .reduce(plant, await Bun.file(args.path).text()),
        loader: 'ts',
      }))
  },
})

function endingIn(file: string): RegExp {
  return new RegExp(`/${file.replaceAll('.', '\\.')}$`)
}

/** What the stand-in lacks must not be called; it must not be missing either. */
async function standInFor(original: string, standIn: string): Promise<string> {
  const functionsOf = async (file: string) =>
    [...(await Bun.file(file).text()).matchAll(/^export (?:async )?function (\w+)/gm)].map(
      ([, name]) => name,
    )
  const there = new Set(await functionsOf(standIn))
  const missing = (await functionsOf(original)).filter((name) => !there.has(name))
  const stubs = missing.map(
    (name) => `export function ${name}() { throw new Error('${name} is not simulated') }`,
  )
  return [`export * from ${JSON.stringify(standIn)}`, ...stubs].join('\n')
}

function mistakeNamed(name: string): KnownMistake[] {
  const found = KNOWN_MISTAKES.find((each) => each.name === name)
  if (name !== '' && found === undefined) throw new Error(`There is no mistake "${name}"`)
  return found === undefined ? [] : [found]
}

function plant(text: string, { file, right, wrong }: KnownMistake): string {
  if (text.split(right).length !== 2) throw new Error(`${file} does not have once: ${right}`)
  return text.replace(right, () => wrong)
}

// After the plugin, so that the engine is loaded with its stand-ins.
const { simulateLife } = await import('./sim-steps.ts')
let steps = 0
for (let life = 0; life < Number(lives); life += 1) {
  const lifeSeed = Number(seed) + life
  const result = await simulateLife(lifeSeed, Number(stepsMax))
  steps += result.steps
  if (result.broken.length === 0) continue
  const { broken, story } = result
  const found = { lives: life + 1, steps, seed: lifeSeed, broken, story }
  process.stdout.write(`${JSON.stringify(found)}\n`)
  process.exit(1)
}
process.stdout.write(`${JSON.stringify({ lives: Number(lives), steps })}\n`)
process.exit(0)
