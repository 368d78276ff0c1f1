// Image type `containerd` (contract 4.5.4): pulled by crictl where there is one, else by ctr, read
// by ctr through a mount of the image. The image stays on the node, as documented; mount, snapshot
// and lease do not.
import { ensureDirectory, removePath } from '@kubenest/base/files'
import { askEngine, hasTool, pullImage, tellEngine } from './container-engine.ts'
import {
  createContainerSource,
  type ContainerDeps,
  type ContainerEngine,
} from './container-source.ts'
import { digestOfTable, digestsOfList } from './image-digest.ts'
import { fullImageName, type ImageName } from './image-name.ts'
import type { ImageSource } from './image-source.ts'
import { hasWorkFolder, IMAGE_MOUNT, isFolder } from './work-folder.ts'

const HOSTS_FOLDER = '/etc/containerd/certs.d'
/** The namespace of Kubernetes: images pulled here are the kubelet's to clear away. */
const CTR = ['ctr', '-n', 'k8s.io'] as const

/** The part of the work that either tool can do. */
type Puller = Pick<ContainerEngine, 'digests' | 'forget' | 'pull'>

/** Makes the source for containerd. */
export function createContainerdSource(deps: ContainerDeps): ImageSource {
  let chosen: Promise<Puller> | undefined
  const puller = () =>
    (chosen ??= hasTool(deps.exec, 'crictl').then((isThere) =>
      isThere ? createCrictlPuller(deps) : createCtrPuller(deps),
    ))
  return createContainerSource(deps, {
    digests: async (image, signal) => (await puller()).digests(image, signal),
    forget: async (image, signal) => (await puller()).forget(image, signal),
    pull: async (image, limits) => (await puller()).pull(image, limits),
    expose: (image, { signal }) => expose(deps, image, signal),
    cleanUp: () => cleanUp(deps),
  })
}

function createCrictlPuller({ exec, log }: ContainerDeps): Puller {
  return {
    async digests({ text }, signal) {
      if ((await askEngine(exec, ['crictl', 'inspecti', text], signal)) === undefined)
        return undefined
      const template = ['--output', 'go-template', '--template', '{{.status.repoDigests}}'] as const
      const argv = ['crictl', 'inspecti', ...template, text] as const
      const list = await tellEngine(exec, 'read the digest of the image', { argv, signal })
      return list.trim() === '[]' ? [] : digestsOfList(list)
    },
    async forget({ text }, signal) {
      if ((await askEngine(exec, ['crictl', 'rmi', text], signal)) === undefined)
        log.warn('the old image of this name stays', { image: text })
    },
    pull: ({ text }, limits) =>
      pullImage(exec, { argv: ['crictl', 'pull', text], image: text, ...limits }),
  }
}

function createCtrPuller({ exec, log, sysroot }: ContainerDeps): Puller {
  return {
    async digests(image, signal) {
      const name = fullImageName(image)
      const check = await askEngine(exec, [...CTR, 'images', 'check', `name==${name}`], signal)
      // The name stays when layers are lost, and every mount of it fails: a pull completes it.
      if (check === undefined || !/\scomplete\s/.test(check)) return undefined
      const argv = [...CTR, 'images', 'ls', `name==${name}`] as const
      const table = await tellEngine(exec, 'read the digest of the image', { argv, signal })
      return table.includes(name) ? digestOfTable(table, name) : undefined
    },
    async forget(image, signal) {
      const argv = [...CTR, 'images', 'rm', fullImageName(image), '--sync'] as const
      if ((await askEngine(exec, argv, signal)) === undefined)
        log.warn('the old image of this name stays', { image: image.text })
    },
    async pull(image, limits) {
      const hosts = ['--hosts-dir', sysroot.path(HOSTS_FOLDER)] as const
      const argv = [...CTR, 'images', 'pull', ...hosts, fullImageName(image)] as const
      await pullImage(exec, { argv, image: image.text, ...limits })
    },
  }
}

async function expose(deps: ContainerDeps, image: ImageName, signal: AbortSignal): Promise<string> {
  const mount = deps.sysroot.path(IMAGE_MOUNT)
  await ensureDirectory(mount, 0o700)
  await tellEngine(deps.exec, 'mount the image', {
    argv: [...CTR, 'images', 'mount', '--rw', fullImageName(image), mount],
    signal,
  })
  return `${mount}/os.tar`
}

/** The mount point is made before anything else and removed after everything else. */
async function cleanUp({ exec, sysroot }: ContainerDeps): Promise<void> {
  const mount = sysroot.path(IMAGE_MOUNT)
  if (!(await hasWorkFolder(sysroot)) || !(await isFolder(mount))) return
  const isMounted = (await exec.run({ argv: ['findmnt', '--mountpoint', mount] })).exitCode === 0
  if (isMounted)
    await tellEngine(exec, 'unmount the image', { argv: [...CTR, 'images', 'unmount', mount] })
  const snapshots = await tellEngine(exec, 'look for a snapshot that is left', {
    argv: ['ctr', '-n=k8s.io', 'snapshots', 'ls'],
  })
  if (snapshots.split('\n').some((line) => line.trim().split(/\s+/)[0] === mount))
    await tellEngine(exec, 'remove the snapshot', {
      argv: [...CTR, 'snapshots', 'remove', mount],
    })
  // A lease of 24 hours that ctr made for the mount; without it there is nothing to remove.
  await askEngine(exec, [...CTR, 'leases', 'rm', mount])
  await removePath(mount)
}
