// An ext4 file system of a build: the same folder gives the same bytes, whenever and wherever it is
// made (mke2fs takes names in sorted order).
import { OsError } from '@kubenest/base/errors'
import { removePath } from '@kubenest/base/files'
import { type Ext4Options, mke2fsArgv } from '../../disk/ext4-image.ts'
import { parseUsedInodes, renderTimeScript } from '../../disk/ext4-times.ts'
import { type Build, run } from '../build.ts'

const GROUP_LIST_BYTES_MAX = 67_108_864
/** What debugfs prints before it reads the first command. */
const BANNER = /^debugfs \d.*\n?/

export async function makeExt4(build: Build, options: Ext4Options): Promise<void> {
  const { file } = options
  await removePath(file)
  // Owners of the folder's files are those of the build's namespace.
  await run(build, `make ${nameOf(file)}`, build.tools.asRoot(mke2fsArgv(options)))
  const inodes = parseUsedInodes(
    await run(build, `list the inodes of ${nameOf(file)}`, ['dumpe2fs', file], {
      outputBytesMax: GROUP_LIST_BYTES_MAX,
      isUnlogged: true,
    }),
  )
  await setTimes(build, file, renderTimeScript(inodes, build.builtAtSeconds))
}

async function setTimes(build: Build, file: string, script: string): Promise<void> {
  const purpose = `set the times in ${nameOf(file)}`
  const complaints = await run(build, purpose, ['debugfs', '-w', '-f', '-', file], {
    stdin: script,
    isUnlogged: true,
    returns: 'stderr',
  })
  // debugfs goes on after an error, and ends with 0.
  const reason = complaints.replace(BANNER, '').trim()
  if (reason !== '')
    throw new OsError('host', {
      code: 'command-failed',
      message: `Cannot ${purpose}: ${reason.slice(0, 500)}`,
    })
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1)
}
