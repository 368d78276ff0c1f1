// The OS objects of a lab: the examples with this lab's image server and digests in place of the
// example values. One file holds the objects of both kinds of nodes, for one `kubectl apply`.
import rollback from '../../../../examples/lab/os-rollback.yaml' with { type: 'text' }
import upgradeV2 from '../../../../examples/lab/os-v2.yaml' with { type: 'text' }
import upgradeV3 from '../../../../examples/lab/os-v3.yaml' with { type: 'text' }
import vmRollback from '../../../../examples/lab/vm-rollback.yaml' with { type: 'text' }
import vmV2 from '../../../../examples/lab/vm-v2.yaml' with { type: 'text' }
import vmV3 from '../../../../examples/lab/vm-v3.yaml' with { type: 'text' }
import vmV4 from '../../../../examples/lab/vm-v4.yaml' with { type: 'text' }
import { ensureDirectory, writeFile } from '@kubenest/base/files'
import type { LabDeps } from './control-plane.ts'
import type { VmVersion } from './vm-recipe.ts'

const EXAMPLE_SERVER = 'http://127.0.0.1:8080'
const EXAMPLE_SERVER_FOR_GUESTS = 'http://10.0.2.2:8080'

/** What differs from lab to lab. */
export interface ManifestFacts {
  readonly imageServer: string
  /** SHA-256 of the downloads, hex, for each kind of node that the lab has. */
  readonly digests: {
    light?: { readonly v2: string; readonly v3: string }
    vm?: Partial<Record<VmVersion, string>>
  }
}

/** Manifests by file name. */
export function renderManifests(facts: ManifestFacts): Record<string, string> {
  const { light, vm } = facts.digests
  const documents: [file: string, text: string, digest: string | undefined][] = [
    ['os-v2.yaml', upgradeV2, light?.v2],
    ['os-v2.yaml', vmV2, vm?.v2],
    ['os-rollback.yaml', rollback, light === undefined ? undefined : ''],
    ['os-rollback.yaml', vmRollback, vm === undefined ? undefined : ''],
    ['os-v3.yaml', upgradeV3, light?.v3],
    ['os-v3.yaml', vmV3, vm?.v3],
    ['os-v4.yaml', vmV4, vm?.v4],
  ]
  const files: Record<string, string> = {}
  for (const [file, text, digest] of documents) {
    if (digest === undefined) continue
    const before = files[file] === undefined ? '' : `${files[file]}---\n`
    files[file] = `${before}${fill(text, facts.imageServer, digest)}`
  }
  return files
}

function fill(text: string, imageServer: string, digest: string): string {
  const forGuests = imageServer.replace('127.0.0.1', '10.0.2.2')
  return withoutIntroduction(text)
    .replace(EXAMPLE_SERVER, imageServer)
    .replace(EXAMPLE_SERVER_FOR_GUESTS, forGuests)
    .replace(/(checksum: ")0+\d"/, `$1${digest}"`)
}

/** The first lines of an example say how to fill it in; here that is done. */
function withoutIntroduction(text: string): string {
  return text.slice(text.indexOf('apiVersion:'))
}

/** Writes all of them. */
export async function writeManifests(
  deps: Pick<LabDeps, 'paths'>,
  facts: ManifestFacts,
): Promise<void> {
  await ensureDirectory(deps.paths.manifests)
  for (const [file, text] of Object.entries(renderManifests(facts)))
    await writeFile(`${deps.paths.manifests}/${file}`, text)
}
