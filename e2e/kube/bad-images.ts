// Artefacts that no node may ever boot, made from the lab's own v2 image and put on its image
// server.
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import type { OsSpec } from '@kubenest/api/os/os'
import { type Fleet, upgradeTo } from './fleet.ts'

const MIB = 1024 * 1024
/** More than a light node's slot of 32 MiB. */
const OVERSIZE_MIB = 48
const AARCH64 = 0xb7

/** Compressed with half of its end missing; the checksum is that of what is left. */
export function truncatedImage(fleet: Fleet): OsSpec {
  const whole = fs.readFileSync(imagePath(fleet, 'light-v2.img.zst'))
  return serve(fleet, 'truncated.img.zst', whole.subarray(0, Math.floor(whole.length / 2)))
}

/** Small on the wire, larger than the slot when unpacked. */
export function oversizedImage(fleet: Fleet): OsSpec {
  const raw = imagePath(fleet, 'oversized.img')
  fs.copyFileSync(imagePath(fleet, 'light-v2.img'), raw)
  fs.truncateSync(raw, OVERSIZE_MIB * MIB)
  return compressed(fleet, raw)
}

/** A root whose programs are for another machine. */
export function foreignImage(fleet: Fleet): OsSpec {
  const raw = imagePath(fleet, 'aarch64.img')
  const elf = imagePath(fleet, '.elf')
  fs.copyFileSync(imagePath(fleet, 'light-v2.img'), raw)
  const head = Buffer.alloc(64)
  head.set([0x7f, 0x45, 0x4c, 0x46])
  head[18] = AARCH64
  fs.writeFileSync(elf, head)
  run('debugfs', ['-w', '-R', 'mkdir /bin', raw])
  run('debugfs', ['-w', '-R', `write ${elf} /bin/sh`, raw])
  return compressed(fleet, raw)
}

/** Not a file system at all. */
export function garbageImage(fleet: Fleet): OsSpec {
  return serve(fleet, 'garbage.img', Buffer.alloc(4 * MIB, 'This is no image. '))
}

function compressed(fleet: Fleet, raw: string): OsSpec {
  run('zstd', ['-q', '-f', '-1', '--rm', raw, '-o', `${raw}.zst`])
  return serve(fleet, path.basename(`${raw}.zst`), fs.readFileSync(`${raw}.zst`))
}

function serve(fleet: Fleet, file: string, bytes: Uint8Array): OsSpec {
  fs.writeFileSync(imagePath(fleet, file), bytes)
  return {
    ...upgradeTo(fleet, 'v2'),
    imageurl: `${fleet.lab.record().imageServer}/${file}`,
    checksum: createHash('sha256').update(bytes).digest('hex'),
  }
}

function imagePath({ lab }: Fleet, file: string): string {
  return path.join(lab.stateFolder, 'images', file)
}

/** A web server for the lab's images that proves itself with a certificate of its own. */
export function serveOverTls(fleet: Fleet, folder: string) {
  const { key, cert } = makeCertificate(folder, 'server')
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { key: fs.readFileSync(key, 'utf8'), cert: fs.readFileSync(cert, 'utf8') },
    fetch: (request) => new Response(Bun.file(imagePath(fleet, path.basename(request.url)))),
  })
}

/** Files of a self-signed certificate for 127.0.0.1. */
export function makeCertificate(folder: string, name: string): { key: string; cert: string } {
  const [key, cert] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pem`)]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  run('openssl', ['req', '-x509', ...curve, ...subject, '-days', '2', '-keyout', key, '-out', cert])
  return { key, cert }
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
