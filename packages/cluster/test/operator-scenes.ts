// What every test of the whole operator starts from: worlds that end with their test, and specs.
import { afterEach } from 'bun:test'
import type { Configs, OsSpec } from '@kubenest/api/os/os'
import { OperatorWorld, type WorldOptions } from './operator-world.ts'

export const V1 = 'KubeOS v1'
export const V2 = 'KubeOS v2'
const worlds: OperatorWorld[] = []

/** Call it once in each test file: worlds end with their test. */
export function endWorldsAfterEach(): void {
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.stop()
  })
}

/** An operator at work on a fake API server. */
export function makeWorld(options: WorldOptions = {}): OperatorWorld {
  const world = new OperatorWorld(options)
  worlds.push(world)
  return world
}

/** An upgrade to v2, one node at a time. */
export function upgrade(spec: Partial<OsSpec> = {}): OsSpec {
  return { opstype: 'upgrade', osversion: V2, maxunavailable: 1, ...spec }
}

/** Settings for both boot entries. */
export function settings(version: string): Configs {
  return {
    version,
    configs: [
      { model: 'grub.cmdline.current', contents: [{ key: 'a', value: '1' }] },
      { model: 'grub.cmdline.next', contents: [{ key: 'b', value: '2' }, { key: 'bare' }] },
    ],
  }
}
