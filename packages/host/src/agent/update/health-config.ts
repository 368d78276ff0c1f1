// `/etc/kubenest/health.toml`: what must be green before a trial is committed, and how long to
// look. Every key has a default, so that the file may be absent.
import { OsError } from '@kubenest/base/errors'
import { parse } from 'smol-toml'
import type { BootLayout } from '../bootloader/boot-layout.ts'

export const HEALTH_CONFIG_FILE = '/etc/kubenest/health.toml'

export interface HealthConfig {
  /** Nothing is decided before this age of the trial, milliseconds. */
  readonly leastUptimeMs: number
  /** How long a green node waits for the cluster's report, milliseconds. */
  readonly wantedWaitMs: number
  /** A trial older than this reboots into the old slot, milliseconds. */
  readonly deadlineMs: number
  /** Pause between two looks, milliseconds. */
  readonly lookIntervalMs: number
  /** How long one program of health.d may run, milliseconds. */
  readonly checkLimitMs: number
  readonly mounts: readonly string[]
  /** Units that must be active. */
  readonly units: readonly string[]
  /** Units that must be active when they are enabled; containerd and kubelet must answer, too. */
  readonly unitsIfEnabled: readonly string[]
  /** Unix sockets that must answer. */
  readonly sockets: readonly string[]
  /** Addresses that must answer with 2xx. */
  readonly http: readonly string[]
}

const DEFAULTS: Omit<HealthConfig, 'mounts'> = {
  leastUptimeMs: 45_000,
  wantedWaitMs: 300_000,
  deadlineMs: 900_000,
  lookIntervalMs: 10_000,
  checkLimitMs: 30_000,
  units: [],
  unitsIfEnabled: ['containerd.service', 'kubelet.service'],
  sockets: ['/run/os-agent/os-agent.sock'],
  http: [],
}

const TIMINGS = {
  least_uptime_seconds: 'leastUptimeMs',
  wanted_wait_seconds: 'wantedWaitMs',
  deadline_seconds: 'deadlineMs',
  look_interval_seconds: 'lookIntervalMs',
  check_limit_seconds: 'checkLimitMs',
} as const

const REQUIRED = {
  mounts: 'mounts',
  units: 'units',
  units_if_enabled: 'unitsIfEnabled',
  sockets: 'sockets',
  http: 'http',
} as const

/** Reads the text of the file; `undefined` gives the defaults of this boot partition. */
export function parseHealthConfig(
  text: string | undefined,
  bootMountPoint: BootLayout['mountPoint'],
): HealthConfig {
  const config: Record<string, unknown> = { ...DEFAULTS, mounts: ['/persist', bootMountPoint] }
  for (const [key, value] of Object.entries(tableOf(text ?? ''))) {
    if (key === 'timings') readTimings(config, value)
    else if (key === 'required') readRequired(config, value)
    else throw bad(key, value, 'it is not known; use timings or required')
  }
  return config as unknown as HealthConfig
}

function readTimings(config: Record<string, unknown>, table: unknown): void {
  for (const [key, value] of Object.entries(asTable('timings', table))) {
    const name = TIMINGS[key as keyof typeof TIMINGS]
    if (name === undefined) throw bad(`timings.${key}`, value, 'it is not known')
    if (typeof value !== 'number' || !(value >= 0 && value <= 86_400))
      throw bad(`timings.${key}`, value, 'it must be 0 to 86400 seconds')
    config[name] = value * 1000
  }
}

function readRequired(config: Record<string, unknown>, table: unknown): void {
  for (const [key, value] of Object.entries(asTable('required', table))) {
    const name = REQUIRED[key as keyof typeof REQUIRED]
    if (name === undefined) throw bad(`required.${key}`, value, 'it is not known')
    if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
      throw bad(`required.${key}`, value, 'it must be a list of texts')
    config[name] = value
  }
}

function tableOf(text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    throw new OsError('invalid', {
      code: 'config-health-syntax',
      message: `Cannot read ${HEALTH_CONFIG_FILE}: ${cause instanceof Error ? cause.message.split('\n')[0] : ''}; correct the TOML`,
      cause,
    })
  }
}

function asTable(key: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw bad(key, value, 'it must be a table')
}

function bad(key: string, value: unknown, reason: string): OsError {
  return new OsError('invalid', {
    code: 'config-health-value',
    message: `Cannot read ${HEALTH_CONFIG_FILE}: ${key} = ${JSON.stringify(value)}: ${reason}`,
  })
}
