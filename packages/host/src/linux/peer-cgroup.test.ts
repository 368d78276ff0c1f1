import { describe, expect, test } from 'bun:test'
import { cgroupOf, parseCgroup } from './peer-cgroup.ts'

describe('parseCgroup()', () => {
  test('takes the unified group', () => {
    const pod = '/kubepods.slice/kubepods-besteffort.slice/cri-containerd-ab.scope'
    expect(parseCgroup(`0::${pod}\n`)).toBe(pod)
  })

  test("takes systemd's group where the unified one says nothing", () => {
    const text = '12:pids:/x\n1:name=systemd:/system.slice/ssh.service\n0::/\n'
    expect(parseCgroup(text)).toBe('/system.slice/ssh.service')
  })

  test('keeps colons of the path, and the root group when there is no other', () => {
    expect(parseCgroup('0::/a:b\n')).toBe('/a:b')
    expect(parseCgroup('0::/\n')).toBe('/')
    expect(parseCgroup('')).toBeUndefined()
  })

  test('bounds what a foreign name can bring into the log', () => {
    expect(parseCgroup(`0::/${'x'.repeat(5000)}\n`)?.length).toBe(300)
  })
})

describe('cgroupOf()', () => {
  test('tells nothing of a process that does not exist', () => {
    expect(cgroupOf(2 ** 22 + 1)).toBeUndefined()
    expect(cgroupOf(process.pid)).toStartWith('/')
  })
})
