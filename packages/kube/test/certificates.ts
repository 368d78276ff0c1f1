// Certificates for tests, made by the openssl program.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'

/** A folder of PEM files. */
export class CertificateFolder {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes an authority; its certificate is `<name>.crt`. */
  makeAuthority(name: string): void {
    const subject = ['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`]
    this.#openssl('req', '-x509', ...EC_KEY, '-days', '2', ...subject)
  }

  /** Makes a pair signed by an authority; `notAfter` as openssl writes it, for expired ones. */
  makePair(name: string, authority: string, names: string, notAfter?: string): void {
    const request = ['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`]
    this.#openssl('req', ...EC_KEY, ...request)
    fs.writeFileSync(path.join(this.#folder, `${name}.ext`), `subjectAltName=${names}\n`)
    if (notAfter === undefined) this.#sign(name, authority)
    else this.#signWithDates(name, authority, notAfter)
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.#folder, file), 'utf8')
  }

  #sign(name: string, authority: string): void {
    const ca = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial']
    const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`]
    this.#openssl('x509', '-req', '-days', '2', ...ca, ...files)
  }

  /** Only `openssl ca` sets both dates; it wants a small database. */
  #signWithDates(name: string, authority: string, notAfter: string): void {
    fs.writeFileSync(path.join(this.#folder, 'ca.txt'), '')
    fs.writeFileSync(path.join(this.#folder, 'ca.serial'), '1000\n')
    fs.writeFileSync(path.join(this.#folder, 'ca.cnf'), CA_CONFIGURATION)
    const ca = ['-cert', `${authority}.crt`, '-keyfile', `${authority}.key`, '-config', 'ca.cnf']
    const dates = ['-startdate', '20200101000000Z', '-enddate', notAfter]
    const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`]
    this.#openssl('ca', '-batch', '-notext', '-md', 'sha256', ...ca, ...dates, ...files)
  }

  #openssl(...args: string[]): void {
    const run = spawnSync('openssl', args, { cwd: this.#folder, encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`openssl ${args[0]} failed: ${run.stderr}`)
  }
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const CA_CONFIGURATION = `[ca]
default_ca = d
[d]
database = ca.txt
serial = ca.serial
new_certs_dir = .
policy = p
[p]
commonName = supplied
`
