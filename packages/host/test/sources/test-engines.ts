// Debian's containerd and dockerd, private to a test: state, socket and certificates in a temporary
// folder, no bridge, no packet filter, nothing of the machine's own engines.
import * as fs from 'node:fs/promises'
import path from 'node:path'
import type { Exec } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'
import { startTestDaemon, type TestDaemon } from './test-daemon.ts'

export interface TestEngine extends TestDaemon {
  /** Runs the engine's tools against this engine; other programs as they are. */
  readonly exec: Exec
  /** Trusts this CA for a registry host, and no other. */
  trust(host: string, caFile: string): Promise<void>
}

/** Programs of which an image source may find one on a node or not. */
type Tools = Readonly<Record<string, string | undefined>>

function execWith(tools: Tools, env: Readonly<Record<string, string>>): Exec {
  return {
    run(request) {
      const [program, ...words] = request.argv
      if (!(program in tools)) return systemExec.run(request)
      const argv = [tools[program] ?? '/not/installed', ...words] as const
      return systemExec.run({ ...request, argv, env: { ...request.env, ...env } })
    },
  }
}

/** Starts containerd; tools find it, crictl only when its path is given. */
export async function startContainerd(
  folder: string,
  hostsFolder: string,
  crictl?: string,
): Promise<TestEngine> {
  const socket = path.join(folder, 'containerd.sock')
  const config = path.join(folder, 'containerd.toml')
  await fs.mkdir(hostsFolder, { recursive: true })
  await fs.writeFile(
    config,
    `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${hostsFolder}"
[plugins."io.containerd.internal.v1.opt"]
path = "${folder}/opt"
`,
  )
  const env = { CONTAINERD_ADDRESS: socket, CONTAINER_RUNTIME_ENDPOINT: `unix://${socket}` }
  const exec = execWith({ ctr: '/usr/bin/ctr', crictl }, env)
  const daemon = await startTestDaemon({
    argv: [...inOwnNamespace([]), '/usr/bin/containerd', '--config', config],
    logFile: path.join(folder, 'containerd.log'),
    isReady: async () => (await exec.run({ argv: ['ctr', 'version'] })).exitCode === 0,
  })
  const trust = (host: string, caFile: string) => trustByHostsFile(hostsFolder, host, caFile)
  return { ...daemon, exec, trust }
}

async function trustByHostsFile(hosts: string, host: string, caFile: string): Promise<void> {
  const folder = path.join(hosts, host)
  await fs.mkdir(folder, { recursive: true })
  const server = `https://${host}`
  await fs.writeFile(
    path.join(folder, 'hosts.toml'),
    `server = "${server}"\n[host."${server}"]\ncapabilities = ["pull", "resolve"]\nca = "${caFile}"\n`,
  )
}

/** Starts dockerd with an /etc/docker of its own. */
export async function startDockerd(folder: string): Promise<TestEngine> {
  const socket = path.join(folder, 'docker.sock')
  const etc = path.join(folder, 'etc-docker')
  await fs.mkdir(etc, { recursive: true })
  const exec = execWith(
    { docker: '/usr/bin/docker', isula: undefined },
    { DOCKER_HOST: `unix://${socket}` },
  )
  const daemon = await startTestDaemon({
    argv: [
      ...inOwnNamespace(['--bind', etc, '/etc/docker']),
      await findDockerd(),
      '--bridge=none',
      '--iptables=false',
      '--ip-masq=false',
      '--storage-driver=overlay2',
      `--host=unix://${socket}`,
      `--data-root=${folder}/data`,
      `--exec-root=${folder}/exec`,
      `--pidfile=${folder}/docker.pid`,
    ],
    logFile: path.join(folder, 'dockerd.log'),
    isReady: async () => (await exec.run({ argv: ['docker', 'version'] })).exitCode === 0,
  })
  const trust = async (host: string, caFile: string) => {
    await fs.mkdir(path.join(etc, 'certs.d', host), { recursive: true })
    await fs.copyFile(caFile, path.join(etc, 'certs.d', host, 'ca.crt'))
  }
  return { ...daemon, exec, trust }
}

/** Debian has it in sbin, Docker's own packages have it in bin. */
async function findDockerd(): Promise<string> {
  const other = '/usr/bin/dockerd'
  return (await Bun.file(other).exists()) ? other : '/usr/sbin/dockerd'
}

/** Processes and mounts of the daemon end with it, however that happens. */
function inOwnNamespace(more: readonly string[]): [string, ...string[]] {
  return [
    '/usr/bin/bwrap',
    '--dev-bind',
    '/',
    '/',
    '--unshare-pid',
    '--proc',
    '/proc',
    '--die-with-parent',
    ...more,
    '--',
  ]
}
