// An update engine whose steps a test holds and releases.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { OsError } from '@kubenest/base/errors'
import type { UpdateEngine } from '../../src/agent/update/update-engine.ts'

export interface FakeEngine extends UpdateEngine {
  readonly calls: string[]
  /** While held, `prepare` waits; it ends by `release` or by its signal. */
  hold(): () => void
  inTrial: boolean
  inBackground: boolean
  /** What `recover` waits for. */
  recovery: Promise<void>
  rebootFault: Error | undefined
  lastPrepare: PrepareUpgradeParams | undefined
}

export function createFakeEngine(): FakeEngine {
  const calls: string[] = []
  let gate: PromiseWithResolvers<void> | undefined
  const engine: FakeEngine = {
    calls,
    inTrial: false,
    inBackground: false,
    recovery: Promise.resolve(),
    rebootFault: undefined,
    lastPrepare: undefined,
    hold() {
      const held = Promise.withResolvers<void>()
      gate = held
      return () => {
        gate = undefined
        held.resolve()
      }
    },
    async recover() {
      calls.push('recover')
      await engine.recovery
    },
    async prepare(request, onProgress, signal) {
      calls.push(`prepare ${request.version}`)
      engine.lastPrepare = request
      onProgress({ phase: 'Writing', bytesDone: 5, bytesTotal: 10 })
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      })
      if (gate !== undefined) await Promise.race([gate.promise, aborted])
      if (request.version === 'refused')
        throw new OsError('integrity', {
          code: 'image-digest-mismatch',
          message: 'Cannot use the image: its digest differs\nwanted a\ngot b',
        })
      calls.push(`prepared ${request.version}`)
    },
    activate: async () => void calls.push('activate'),
    rollBack: async () => void calls.push('rollBack'),
    async reboot() {
      calls.push('reboot')
      if (engine.rebootFault !== undefined) throw engine.rebootFault
    },
    async describe() {
      const trial = {
        operationId: 'op',
        image: { digest: 'd', version: 'v' },
        verdict: 'InTrial',
        reasons: [],
        since: 's',
      } as const
      return {
        bootId: 'boot',
        osVersion: 'KubeNest v1',
        slots: [],
        degraded: [],
        ...(engine.inTrial ? { trial: { ...trial, reasons: [] } } : {}),
      }
    },
    slots: async () => [],
    report: async (report) => void calls.push(`report ${JSON.stringify(report)}`),
    allow: async (image) => void calls.push(`allow ${image.digest}`),
    hasBackgroundWork: () => engine.inBackground,
  }
  return engine
}

/** Golden sample 1 of appendix B.3: the members in the documented order. */
export function prepareRequest(
  id: unknown,
  version = 'KubeNest v2',
  more: Partial<PrepareUpgradeParams> = {},
): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    method: 'prepare_upgrade',
    params: [
      {
        version,
        check_sum: 'ab'.repeat(32),
        image_type: 'disk',
        container_image: '',
        image_url: 'https://images.example/os.tar',
        flag_safe: false,
        mtls: false,
        certs: { ca_cert: 'ca.pem', client_cert: '', client_key: '' },
        ...more,
      },
    ],
    id,
  })
}
