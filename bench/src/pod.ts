// Starts a built program as a pod would: service account instead of a kubeconfig, the documented
// rights, nothing else in its environment.
import * as fs from 'node:fs'
import path from 'node:path'
import type { BenchLab } from './bench-lab.ts'
import { startMeasured, type MeasuredProcess } from './measured-process.ts'

const MOUNT_POINT = '/run/secrets'
const NAMESPACE = 'upgrade-system'

/** How to run a program of kubenest-cluster. */
export interface PodOptions {
  readonly lab: BenchLab
  /** Program of the dist folder. */
  readonly program: string
  /** For the service account's files and the log. */
  readonly folder: string
  readonly env?: Record<string, string>
  /** Folder of a memory cgroup to start in. */
  readonly cgroup?: string
}

/** Starts it; the process that is measured is the program itself. */
export async function startPod(options: PodOptions): Promise<MeasuredProcess> {
  const { lab, program, folder, env, cgroup } = options
  const account = serviceAccount(lab, folder)
  const address = new URL(lab.server)
  const shown = ['--ro-bind', account, `${MOUNT_POINT}/kubernetes.io/serviceaccount`]
  const sandbox = ['--die-with-parent', '--dev-bind', '/', '/', '--tmpfs', MOUNT_POINT, ...shown]
  return await startMeasured(['bwrap', ...sandbox, program], {
    logFile: path.join(folder, `${path.basename(program)}.log`),
    inChild: true,
    ...(cgroup === undefined ? {} : { cgroup }),
    env: {
      KUBERNETES_SERVICE_HOST: address.hostname,
      KUBERNETES_SERVICE_PORT: address.port,
      ...env,
    },
  })
}

/** The three files that the kubelet mounts. */
function serviceAccount(lab: BenchLab, folder: string): string {
  const account = path.join(folder, 'service-account')
  fs.mkdirSync(account, { recursive: true })
  fs.writeFileSync(path.join(account, 'ca.crt'), lab.ca)
  fs.writeFileSync(path.join(account, 'namespace'), NAMESPACE)
  fs.writeFileSync(path.join(account, 'token'), lab.token)
  return account
}

/** Makes the service account that the documented rights are bound to, and a token for it. */
export function makeToken(kubectl: (args: readonly string[]) => string): string {
  const account = ['default', '--namespace', NAMESPACE]
  const known = kubectl(['get', 'serviceaccounts', '--namespace', NAMESPACE, '--output=name'])
  if (!known.includes('/default')) kubectl(['create', 'serviceaccount', ...account])
  return kubectl(['create', 'token', ...account, '--duration=8h']).trim()
}
