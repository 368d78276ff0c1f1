// The OS objects of a lab: the examples with this lab's image server and digests in place of the
// example values.
import rollback from '../../../../examples/lab/os-rollback.yaml' with { type: 'text' }
import upgradeV2 from '../../../../examples/lab/os-v2.yaml' with { type: 'text' }
import upgradeV3 from '../../../../examples/lab/os-v3.yaml' with { type: 'text' }

const EXAMPLE_SERVER = 'http://127.0.0.1:8080'

/** What differs from lab to lab. */
export interface ManifestFacts {
  readonly imageServer: string
  /** SHA-256 of the compressed images, hex. */
  readonly digests: { readonly v2: string; readonly v3: string }
}

/** Manifests by file name. */
export function renderManifests(facts: ManifestFacts): Record<string, string> {
  const fill = (text: string, digest: string) =>
    withoutIntroduction(text)
      .replace(EXAMPLE_SERVER, facts.imageServer)
      .replace(/(checksum: ")0+\d"/, `$1${digest}"`)
  return {
    'os-v2.yaml': fill(upgradeV2, facts.digests.v2),
    'os-rollback.yaml': fill(rollback, ''),
    'os-v3.yaml': fill(upgradeV3, facts.digests.v3),
  }
}

/** The first lines of an example say how to fill it in; here that is done. */
function withoutIntroduction(text: string): string {
  return text.slice(text.indexOf('apiVersion:'))
}
