// Which unit or pod a process belongs to, for the audit log: a process id means nothing an hour
// later.
import { readFileSync } from 'node:fs'

const LENGTH_MAX = 300

/** Path of the control group of a process; `undefined` when it has ended or cannot be looked at. */
export function cgroupOf(pid: number): string | undefined {
  try {
    return parseCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch {
    // The peer is gone already; it is still known by its process and user.
    return undefined
  }
}

/** The unified group, else the one that systemd names: lines are `number:controllers:path`. */
export function parseCgroup(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.split(':'))
  const pathOf = (controllers: string) =>
    lines
      .find(([, name]) => name === controllers)
      ?.slice(2)
      .join(':')
  const unified = pathOf('')
  const found = unified === undefined || unified === '/' ? pathOf('name=systemd') : unified
  return (found ?? unified)?.slice(0, LENGTH_MAX)
}
