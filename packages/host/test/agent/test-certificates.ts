// Certificates for tests, made by openssl in a temporary folder: two CAs, and leaves that are
// right, for another host, expired, not yet valid, a client's, and a foreign client's.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface TestCertificates {
  readonly folder: string
  pem(name: string): string
}

const LEAVES = [
  ['good', 'ca', 'IP:127.0.0.1', '20200101000000Z', '20990101000000Z'],
  ['registry', 'ca', 'IP:0.0.0.0', '20200101000000Z', '20990101000000Z'],
  ['wronghost', 'ca', 'DNS:elsewhere.example', '20200101000000Z', '20990101000000Z'],
  ['expired', 'ca', 'IP:127.0.0.1', '20200101000000Z', '20210101000000Z'],
  ['future', 'ca', 'IP:127.0.0.1', '20900101000000Z', '20990101000000Z'],
  ['client', 'ca', 'DNS:client', '20200101000000Z', '20990101000000Z'],
  ['foreign', 'other', 'IP:127.0.0.1', '20200101000000Z', '20990101000000Z'],
] as const

export function makeTestCertificates(): TestCertificates {
  const folder = mkdtempSync(path.join(tmpdir(), 'agent-certs-'))
  const openssl = (...argv: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(['openssl', ...argv], { cwd: folder })
    if (exitCode !== 0) throw new Error(`openssl ${argv[0]}: ${stderr.toString()}`)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'other']) {
    mkdirSync(path.join(folder, `${ca}.d`))
    writeFileSync(path.join(folder, `${ca}.d/index`), '')
    writeFileSync(path.join(folder, `${ca}.d/serial`), '1000')
    writeFileSync(
      path.join(folder, `${ca}.cnf`),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${ca}.d/index\nserial=${ca}.d/serial\nnew_certs_dir=${ca}.d\ndefault_md=sha256\npolicy=p\nunique_subject=no\ncopy_extensions=copy\n[p]\ncommonName=supplied\n`,
    )
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${ca}.key`,
      '-out',
      `${ca}.pem`,
      '-days',
      '3650',
      '-subj',
      `/CN=${ca}`,
    )
  }
  for (const [name, ca, san, start, end] of LEAVES) {
    openssl(
      'req',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=${san}`,
    )
    openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      `${ca}.cnf`,
      '-cert',
      `${ca}.pem`,
      '-keyfile',
      `${ca}.key`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-startdate',
      start,
      '-enddate',
      end,
    )
  }
  return { folder, pem: (name) => readFileSync(path.join(folder, name), 'utf8') }
}
