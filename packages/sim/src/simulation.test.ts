// The gate's simulation: 2,000 seeds in two processes, so that two cores share them.
import { expect, test } from 'bun:test'
import path from 'node:path'

const RUNS = 2000
const PROCESSES = 2
const LIMIT_MS = 300_000
const MAIN = path.join(import.meta.dir, 'main.ts')

test(
  `runSimulation() breaks no invariant in ${RUNS} seeds`,
  async () => {
    const runs = RUNS / PROCESSES
    const children = Array.from({ length: PROCESSES }, (_, at) =>
      Bun.spawn([process.execPath, MAIN, '--from', `${1 + at * runs}`, '--runs', `${runs}`], {
        stdout: 'pipe',
        stderr: 'inherit',
      }),
    )
    const outputs = await Promise.all(children.map(({ stdout }) => new Response(stdout).text()))
    const codes = await Promise.all(children.map(({ exited }) => exited))
    for (const output of outputs) console.log(output.trimEnd())
    expect(codes).toEqual([0, 0])
  },
  LIMIT_MS,
)
