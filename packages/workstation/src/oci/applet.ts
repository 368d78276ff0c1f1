// `kubenest images --executable FILE --out DIR [--tag TAG]`: container images of operator and
// proxy.
import { Command, CommanderError } from 'commander'
import type { Applet } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { exitCodeOf, OsError, toOsError } from '@kubenest/base/errors'
import { resolveLinks } from '@kubenest/base/files'
import { systemExec } from '@kubenest/base/system-exec'
import { buildInfo, renderVersion } from '@kubenest/base/version'
import { buildComponentImages } from './build-component-image.ts'
import { productComponents } from './component-image.ts'

interface Options {
  readonly executable: string
  readonly out: string
  readonly tag: string
}

/** `kubenest images`. */
export const imagesApplet: Applet = async (context) => {
  const command = new Command('images')
    .description('Make the container images of operator and proxy as OCI archives')
    .version(renderVersion('images'))
    .requiredOption('--executable <FILE>', 'the kubenest-cluster executable')
    .requiredOption('--out <DIR>', 'folder for the archives')
    .option('--tag <TAG>', 'tag of the images', buildInfo.version)
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
    .exitOverride()
  try {
    command.parse([...context.argv], { from: 'user' })
    const options = command.opts<Options>()
    const epoch = Number(context.env['SOURCE_DATE_EPOCH'] ?? Math.floor(systemClock.nowMs() / 1000))
    const built = await buildComponentImages({
      exec: systemExec,
      components: productComponents(await absolute(options.executable)),
      outDir: await absolute(options.out),
      version: options.tag,
      epochSeconds: epoch,
    })
    for (const image of built) context.stdout(`${image.file} ${image.name} ${image.imageDigest}\n`)
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const known = toOsError(error)
    context.stderr(`${known.message}\n`)
    return exitCodeOf(known)
  }
}

async function absolute(path: string): Promise<string> {
  if (path.startsWith('/')) return path
  const cwd = await resolveLinks('/proc/self/cwd')
  if (cwd === undefined)
    throw new OsError('host', {
      code: 'no-cwd',
      message: 'Cannot go on: the current directory is gone; enter another',
    })
  return `${cwd}/${path}`
}
