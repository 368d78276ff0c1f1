// The command line of a guest: secrets only in files, nothing reachable from outside loopback.
import { expect, test } from 'bun:test'
import { type GuestConfig, renderQemuArgv } from './guest-config.ts'

const GUEST: GuestConfig = {
  name: 'vm-0',
  disk: '/lab/a,b/disk.qcow2',
  firmwareVariables: '/lab/vars.fd',
  qmpSocket: '/lab/qmp.sock',
  serialLog: '/lab/serial.log',
  credentials: [{ name: 'lab.env', file: '/lab/x.credential' }],
  memoryMib: 1536,
  cpus: 2,
  accelerator: 'tcg',
  address: '10.0.2.15',
  forwards: [{ hostPort: 40_001, guestPort: 10_250 }],
  diskCache: 'unsafe',
  endsAtReboot: true,
}

test('renderQemuArgv() forwards ports from loopback only', () => {
  const argv = renderQemuArgv(GUEST)
  expect(argv).toContain('user,id=net,dhcpstart=10.0.2.15,hostfwd=tcp:127.0.0.1:40001-:10250')
})

test('renderQemuArgv() hands credentials over as files', () => {
  const argv = renderQemuArgv(GUEST)
  expect(argv[argv.indexOf('-fw_cfg') + 1]).toBe(
    'name=opt/io.systemd.credentials/lab.env,file=/lab/x.credential',
  )
  expect(argv.join(' ')).not.toContain('string=')
})

test('renderQemuArgv() keeps a comma in a path from becoming an option', () => {
  expect(renderQemuArgv(GUEST).join(' ')).toContain('file=/lab/a,,b/disk.qcow2')
})

test('renderQemuArgv() honours flushes when asked to', () => {
  expect(renderQemuArgv({ ...GUEST, diskCache: 'writeback' }).join(' ')).toContain(
    'cache=writeback',
  )
  expect(renderQemuArgv({ ...GUEST, endsAtReboot: false })).not.toContain('-no-reboot')
})
