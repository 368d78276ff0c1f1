import { describe, expect, test } from 'bun:test'
import { pullError } from './container-engine.ts'

describe('pullError()', () => {
  test.each([
    ['x509: certificate signed by unknown authority', 'invalid', 'tls-unknown-ca'],
    ['x509: certificate is valid for a, not b', 'invalid', 'tls-wrong-host'],
    ['x509: certificate has expired or is not yet valid', 'transient', 'tls-expired'],
    ['http: server gave HTTP response to HTTPS client', 'invalid', 'registry-not-https'],
    ['pull access denied, repository does not exist', 'invalid', 'registry-denied'],
    ['manifest unknown: manifest unknown', 'invalid', 'image-not-found'],
    ['write /x: no space left on device', 'host', 'disk-full'],
    ['dial tcp: connection refused', 'transient', 'image-pull-failed'],
  ])('tells what %j means', (output, kind, code) => {
    expect(pullError('reg/os', output)).toMatchObject({ kind, code })
  })

  test('keeps control characters and endless texts out of its message', () => {
    const { message } = pullError('reg/os', `\u001b[31m${'x'.repeat(9000)}\nend\u0007`)
    expect(message).toMatch(/^Cannot pull reg\/os: x+ end$/)
    expect(message.length).toBeLessThan(600)
  })
})
