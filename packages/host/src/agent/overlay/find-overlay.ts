// The writable layer over /etc as the kernel has it mounted. Nodes without one (light nodes) have
// nothing that could hide a file of the image.
import { readText } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'

/** The folder that the layer lies over. */
export const OVERLAY_FOLDER = '/etc'

/** The upper folder of /etc as a path of the system; `undefined` when /etc is not an overlay. */
export async function findOverlay(sysroot: SysRoot): Promise<string | undefined> {
  const mounts = (await readText(sysroot.path('/proc/mounts'))) ?? ''
  // The last mount on a point is the one that shows.
  const line = mounts.split('\n').findLast((each) => each.split(' ')[1] === OVERLAY_FOLDER)
  const [, , type, options = ''] = line?.split(' ') ?? []
  if (type !== 'overlay') return undefined
  const upper = options.split(',').find((option) => option.startsWith('upperdir='))
  return upper?.slice('upperdir='.length)
}
