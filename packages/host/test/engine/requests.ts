// What tests of the engine ask for, and how they look at refusals.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { isOsError, type OsError } from '@kubenest/base/errors'

/** A request for these bytes under this version. */
export function requestFor(image: Uint8Array, version: string): PrepareUpgradeParams {
  return {
    version,
    check_sum: new Bun.CryptoHasher('sha256').update(image).digest('hex'),
    image_type: 'disk',
    container_image: '',
    image_url: 'http://x/y',
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
  }
}

/** The OsError that a task ends with. */
export async function refusalOf(task: Promise<unknown>): Promise<OsError> {
  const error = await task.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!isOsError(error)) throw new Error(`no OsError but ${String(error)}`)
  return error
}

/** Polls until a condition holds; fails after ten seconds. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 10_000
  while (!(await isTrue())) {
    if (Date.now() > endMs) throw new Error(`${what} did not happen within 10 s`)
    await Bun.sleep(5)
  }
}
