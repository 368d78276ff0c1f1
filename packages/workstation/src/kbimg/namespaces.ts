// How a build touches a root file system: as root of its own namespaces, so that mounts and
// processes end with it, whether kbimg runs as root or as a user. Every program dies with kbimg,
// also when kbimg is killed without warning.
import type { Exec, ExecRequest } from '@kubenest/base/exec'

/** Program and arguments. */
export type Argv = readonly string[]

/** Runs programs on files of the image. */
export interface RootTools {
  /** As root over the image's owners, in the host's file system. */
  asRoot(argv: Argv): Argv
  /** The same, with mounts and processes of its own that vanish at its end. */
  isolated(argv: Argv): Argv
  /** Inside the image, with /dev, /proc, an empty /run and /tmp. */
  inside(root: string, argv: Argv): Argv
}

/** Wrappers for a kbimg that runs as root or as another user (with a range in /etc/subuid). */
export function createRootTools(runsAsRoot: boolean): RootTools {
  const user = runsAsRoot ? [] : ['unshare', '--user', '--map-root-user', '--map-auto', '--']
  // The death signal is forgotten when a user namespace is entered, so it is set behind that.
  const asRoot = (argv: Argv): Argv => [...user, 'setpriv', '--pdeathsig', 'KILL', '--', ...argv]
  return {
    asRoot,
    isolated: (argv) =>
      asRoot([
        'unshare',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        '--',
        ...argv,
      ]),
    inside: (root, argv) => asRoot(['bwrap', ...bubble(root), '--', ...argv]),
  }
}

function bubble(root: string): string[] {
  return [
    '--bind',
    root,
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--tmpfs',
    '/run',
    '--tmpfs',
    '/tmp',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--die-with-parent',
    '--new-session',
    '--cap-add',
    'ALL',
    '--chdir',
    '/',
    '--hostname',
    'localhost',
  ]
}

/** An Exec whose programs die with kbimg. */
export function leashExec(exec: Exec): Exec {
  return {
    run: (request: ExecRequest) =>
      exec.run({ ...request, argv: ['setpriv', '--pdeathsig', 'KILL', '--', ...request.argv] }),
  }
}
