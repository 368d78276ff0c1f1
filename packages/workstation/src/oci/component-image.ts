// What our container images hold: one executable, the C library it needs, two
// accounts. No shell, no package manager.

/** One container image: a program and how it is started. */
export interface Component {
  /** Name of the program inside, and last part of the image's name. */
  readonly name: 'operator' | 'proxy' | 'pause'
  readonly executable: string
  readonly arguments: readonly string[]
  readonly user: number
  readonly description: string
}

/** Operator and proxy, both the `kubenest-cluster` executable. */
export function productComponents(executable: string): Component[] {
  return [
    {
      name: 'operator',
      executable,
      arguments: [],
      user: 6552,
      description: 'Rolls operating systems out over nodes',
    },
    {
      name: 'proxy',
      executable,
      arguments: [],
      // The agent's socket belongs to root.
      user: 0,
      description: 'Moves its own node on behalf of the operator',
    },
  ]
}

/** Holds a pod's namespaces where no registry has the usual image (lab). */
export const PAUSE_COMPONENT: Component = {
  name: 'pause',
  executable: '/usr/bin/sleep',
  arguments: ['infinity'],
  user: 65_535,
  description: 'Holds the namespaces of a pod',
}

/** Files of Debian's libc6 that a compiled program loads, also for names (DNS). */
export const LIBC_FILES = [
  'ld-linux-x86-64.so.2',
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libresolv.so.2',
  'libnss_dns.so.2',
  'libnss_files.so.2',
]

/** Small files of the base layer. */
export const BASE_FILES: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/:/nonexistent\noperator:x:6552:6552:operator:/:/nonexistent\n',
  'etc/group': 'root:x:0:\noperator:x:6552:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}

/** The image's `config` object. */
export function renderComponentConfig(
  component: Component,
  version: string,
  libcVersion: string,
): Record<string, unknown> {
  return {
    User: `${component.user}:${component.user}`,
    Entrypoint: [`/${component.name}`, ...component.arguments],
    WorkingDir: '/',
    Env: ['PATH=/'],
    Labels: {
      'io.kubenest.base.libc6': libcVersion,
      'org.opencontainers.image.description': component.description,
      'org.opencontainers.image.title': `kubenest-${component.name}`,
      'org.opencontainers.image.version': version,
    },
  }
}
