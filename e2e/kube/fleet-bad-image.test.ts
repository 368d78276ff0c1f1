// Images and objects that must not reach a boot: each is refused on its node with field, value and
// remedy, and nothing is armed, cordoned or rebooted.
import { afterAll, expect } from 'bun:test'
import * as fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { NODE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { OsSpec } from '@kubenest/api/os/os'
import {
  foreignImage,
  garbageImage,
  makeCertificate,
  oversizedImage,
  serveOverTls,
  truncatedImage,
} from './bad-images.ts'
import {
  applyOs,
  bootCounts,
  type Fleet,
  NODE_NAMES,
  readOs,
  scenario,
  selectEach,
  until,
  untilCondition,
  untilQuiet,
  upgradeTo,
  versionsOf,
} from './fleet.ts'

const SUPERBLOCK_MAGIC_AT = 1024 + 0x38
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kn-bad-'))

afterAll(() => fs.rmSync(folder, { recursive: true }))

/** A bad object for one node, and what the status must say. */
interface BadCase {
  readonly name: string
  readonly spec: OsSpec
  readonly words: readonly string[]
  /** Whether the node gives up; else it asks again until the server answers. @defaultValue true */
  readonly isFinal?: boolean
  /** Whether bytes of it reach the standby slot. @defaultValue true */
  readonly isWritten?: boolean
}

scenario(
  'nonsense that the API server accepts starts nothing and names field, value, remedy',
  async (fleet) => {
    const mark = fleet.history.mark()
    const good = upgradeTo(fleet, 'v2')
    const cases: Readonly<Record<string, [OsSpec, string[]]>> = {
      checksum: [{ ...good, checksum: 'abc' }, ['spec.checksum is "abc"', '64 hexadecimal digits']],
      plainhttp: [{ ...good, flagSafe: false }, ['spec.imageurl is "http:', 'flagSafe: true']],
      cap: [{ ...good, maxunavailable: -1 }, ['spec.maxunavailable is -1']],
      window: [
        { ...good, timewindow: { starttime: '8:00', endtime: '09:00:00' } },
        ['spec.timewindow', '8:00'],
      ],
    }
    for (const [name, [spec, words]] of Object.entries(cases)) {
      applyOs(fleet, name, spec)
      const message = await untilCondition(fleet, name, ['Degraded', 'True', 'InvalidSpec'])
      for (const word of words) expect(message).toContain(word)
      fleet.lab.kubectl(['delete', 'os', name])
    }
    await fleet.history.caughtUp()
    expect(fleet.history.claimsSince(mark)).toEqual([])
  },
)

scenario(
  'images that are not what was asked for are refused before anything is armed',
  async (fleet) => {
    await versionsOf(fleet)
    const good = upgradeTo(fleet, 'v2')
    const [wanted, real] = ['ab'.repeat(32), good.checksum ?? '']
    await refuseAll(fleet, [
      { name: 'digest', spec: { ...good, checksum: wanted }, words: ['checksum', wanted, real] },
      {
        name: 'truncated',
        spec: truncatedImage(fleet),
        words: ['not a complete zstd stream', 'checksum'],
      },
      {
        name: 'oversized',
        spec: oversizedImage(fleet),
        words: ['larger than the slot', 'smaller root size'],
      },
      { name: 'architecture', spec: foreignImage(fleet), words: ['aarch64', 'x86_64'] },
    ])
  },
)

scenario(
  'another version, no file system, no server and a foreign CA are refused, too',
  async (fleet) => {
    await versionsOf(fleet)
    const good = upgradeTo(fleet, 'v2')
    const web = serveOverTls(fleet, folder)
    const foreign = fs.readFileSync(makeCertificate(folder, 'foreign').cert)
    for (const name of NODE_NAMES) {
      const certs = `${fleet.lab.stateFolder}/nodes/${name}/booted/etc/KubeOS/certs`
      fs.mkdirSync(certs, { recursive: true })
      fs.writeFileSync(`${certs}/foreign.pem`, foreign)
    }
    const [https, nobody] = [
      `https://127.0.0.1:${web.port}/light-v2.img.zst`,
      'http://127.0.0.1:1/v2.img',
    ]
    await refuseAll(fleet, [
      {
        name: 'version',
        spec: { ...good, osversion: 'KubeOS v7' },
        words: ['"KubeOS v2"', '"KubeOS v7"'],
      },
      { name: 'garbage', spec: garbageImage(fleet), words: ['ext4'] },
      {
        name: 'unreachable',
        spec: { ...good, imageurl: nobody },
        words: ['127.0.0.1:1'],
        isFinal: false,
        isWritten: false,
      },
      {
        name: 'foreign',
        spec: { ...good, imageurl: https, cacert: 'foreign.pem' },
        words: ['127.0.0.1', 'not from the given CA', 'cacert'],
        isWritten: false,
      },
    ])
    await web.stop(true)
  },
)

/** One node for each case, all at once. */
async function refuseAll(fleet: Fleet, cases: readonly BadCase[]): Promise<void> {
  const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
  const environments = NODE_NAMES.map((name) => readEnvironment(fleet, name))
  selectEach(fleet, Object.fromEntries(cases.map(({ name }, at) => [NODE_NAMES[at] ?? '', name])))
  for (const { name, spec } of cases)
    applyOs(fleet, name, { ...spec, nodeselector: name, maxunavailable: 1 })
  for (const { name, words, isFinal = true } of cases) {
    const message = await until(
      fleet,
      `${name} is refused with ${words.join(', ')}`,
      60_000,
      async () => {
        const { status } = await readOs(fleet, name)
        const texts = isFinal
          ? status?.conditions?.filter(({ reason }) => reason === 'Halted')
          : status?.reasons
        return texts
          ?.map((each) => each.message)
          .find((text) => words.every((word) => text.includes(word)))
      },
    )
    process.stderr.write(`e2e: ${name}: ${message}\n`)
  }
  for (const [at, { name, isFinal = true, isWritten = true }] of cases.entries()) {
    const node = NODE_NAMES[at] ?? ''
    if (!isFinal) fleet.lab.kubectl(['delete', 'os', name])
    if (isWritten) expect([name, hasSuperblock(fleet, node)]).toEqual([name, false])
  }
  await untilQuiet(fleet)
  await fleet.history.caughtUp()
  expect(bootCounts(fleet)).toEqual(boots)
  expect(NODE_NAMES.map((name) => readEnvironment(fleet, name))).toEqual(environments)
  const cordoned = fleet.history
    .nodesSince(mark)
    .filter(
      ({ spec, metadata }) =>
        spec?.unschedulable === true || NODE_ANNOTATIONS.cordonedBy in (metadata.annotations ?? {}),
    )
  expect(cordoned).toEqual([])
}

/** The block from which GRUB reads what to boot. */
function readEnvironment({ lab }: Fleet, node: string): string {
  return fs.readFileSync(`${lab.stateFolder}/nodes/${node}/esp/EFI/openEuler/grubenv`, 'utf8')
}

/** Whether the standby slot could be mounted. */
function hasSuperblock({ lab }: Fleet, node: string): boolean {
  const booted = lab
    .record()
    .nodes.find(({ name }) => name === node)
    ?.boots.at(-1)?.slot
  const file = fs.openSync(
    `${lab.stateFolder}/nodes/${node}/slots/${booted === 'A' ? 'b' : 'a'}`,
    'r',
  )
  const magic = Buffer.alloc(2)
  fs.readSync(file, magic, 0, 2, SUPERBLOCK_MAGIC_AT)
  fs.closeSync(file)
  return magic.readUInt16LE() === 0xef53
}
