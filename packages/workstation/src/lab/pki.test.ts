import { expect, test } from 'bun:test'
import { authorityArguments, certificateArguments, planCertificates } from './pki.ts'

const requests = planCertificates(['light-1'])

function named(name: string) {
  const found = requests.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no certificate ${name}`)
  return found
}

test('planCertificates() gives no node, pod or person a certificate that opens etcd', () => {
  const fromEtcd = requests.filter((each) => each.authority === 'etcd-ca').map((each) => each.name)
  expect(fromEtcd.sort()).toEqual(['etcd', 'etcd-client'])
})

test('planCertificates() names each node as the node authorizer expects', () => {
  expect(named('node-light-1')).toMatchObject({
    commonName: 'system:node:light-1',
    organizations: ['system:nodes'],
    usage: 'clientAuth',
  })
})

test('planCertificates() gives operator and proxies the documented account, never an admin group', () => {
  const upgrade = named('upgrade')
  expect(upgrade.commonName).toBe('system:serviceaccount:upgrade-system:default')
  expect(upgrade.organizations).not.toContain('system:masters')
})

test('planCertificates() lets guests reach the API server at the address of user networking', () => {
  expect(named('apiserver').alternativeNames).toContain('IP:10.0.2.2')
})

test('certificateArguments() signs by the authority of the request', () => {
  const args = certificateArguments('/pki', named('etcd-client'))
  expect(args[args.indexOf('-CA') + 1]).toBe('/pki/etcd-ca.crt')
  expect(args[args.indexOf('-CAkey') + 1]).toBe('/pki/etcd-ca.key')
})

test('certificateArguments() makes no certificate that could sign others', () => {
  for (const request of requests)
    expect(certificateArguments('/pki', request)).toContain('basicConstraints=critical,CA:FALSE')
  expect(authorityArguments('/pki', 'ca')).toContain('basicConstraints=critical,CA:TRUE')
})

test('certificateArguments() writes organizations before the common name', () => {
  const args = certificateArguments('/pki', named('admin'))
  expect(args).toContain('/O=system:masters/CN=kubenest-lab-admin')
})
