// Nonsense in documented fields that upstream's API server accepts (decision 11): each problem
// names field, value and remedy, and while there is one nothing starts. Pure.
import { cap } from './cap.ts'
import type { ImageSourceFacts, OsFacts } from './facts.ts'
import { isLabelValue } from './select-nodes.ts'
import { parseTimeWindow } from './time-window.ts'

const SHA256 = /^[0-9a-f]{64}$/i
const CONTAINER_IMAGE =
  /^(?:[\w.][\w.-]*(?::\d+)?\/)*[\w.][\w.-]*(?::[\w.-]+|@sha256:[0-9a-fA-F]+)?$/
const FIELD_SHOWN_MAX = 80

/** One nonsense. */
export interface OsProblem {
  field: string
  /** Sentence without full stop: field, value, remedy. */
  message: string
}

/** Everything that is wrong with the object, in a fixed order. */
export function validateOs(os: OsFacts): OsProblem[] {
  return [
    ...word('opstype', os.operation, ['upgrade', 'rollback', 'config']),
    ...word('executionmode', os.mode, ['parallel', 'serial']),
    ...selectorProblems(os.nodeSelector),
    ...windowProblems(os),
    ...capProblems(os),
    ...(os.operation !== 'config' && os.targetVersion === ''
      ? [problem('osversion', '', 'must name the version, as PRETTY_NAME of the image shows it')]
      : []),
    ...(os.operation === 'upgrade' ? sourceProblems(os.source) : []),
  ]
}

function problem(field: string, value: string | number, remedy: string): OsProblem {
  const shown =
    typeof value === 'number' ? String(value) : JSON.stringify(value.slice(0, FIELD_SHOWN_MAX))
  return { field, message: `spec.${field} is ${shown}: it ${remedy}` }
}

function word(field: string, value: string, allowed: readonly string[]): OsProblem[] {
  return allowed.includes(value)
    ? []
    : [problem(field, value, `must be one of ${allowed.join(', ')}`)]
}

function selectorProblems(selector: string): OsProblem[] {
  if (isLabelValue(selector)) return []
  const remedy = 'must be no-label, all-label or a label value (letters, digits, "-", "_", ".")'
  return [problem('nodeselector', selector, remedy)]
}

function windowProblems(os: OsFacts): OsProblem[] {
  const parsed = parseTimeWindow(os.window)
  if (!('problem' in parsed)) return []
  return [{ field: 'timewindow', message: `spec.timewindow ${parsed.problem}` }]
}

function capProblems(os: OsFacts): OsProblem[] {
  const found = cap(os.maxUnavailable, 1)
  return 'problem' in found
    ? [problem(os.maxUnavailableField, os.maxUnavailable, found.problem)]
    : []
}

function sourceProblems(source: ImageSourceFacts): OsProblem[] {
  if (source.type === 'disk') return diskProblems(source)
  if (source.type === 'docker' || source.type === 'containerd') return containerProblems(source)
  // Empty is left to the agent, which names the remedy: stored objects of old clients hold it
  // (contract X1).
  return word('imagetype', source.type, ['docker', 'containerd', 'disk', ''])
}

function diskProblems(source: ImageSourceFacts): OsProblem[] {
  const found: OsProblem[] = []
  const scheme = /^(https?):\/\/[^/]/.exec(source.url)?.[1]
  if (scheme === undefined)
    found.push(problem('imageurl', withoutSecrets(source.url), 'must be an http or https address'))
  if (scheme === 'http' && !source.allowsHttp)
    found.push(
      problem(
        'imageurl',
        withoutSecrets(source.url),
        'needs https, or flagSafe: true to allow http',
      ),
    )
  if (!SHA256.test(source.checksum))
    found.push(
      problem(
        'checksum',
        source.checksum,
        'must be the SHA-256 of the file, 64 hexadecimal digits',
      ),
    )
  if (scheme === 'https' && source.mtls) found.push(...certificateProblems(source))
  return found
}

function certificateProblems(source: ImageSourceFacts): OsProblem[] {
  const files = [
    ['clientcert', source.clientCert],
    ['clientkey', source.clientKey],
  ] as const
  return files
    .filter(([, name]) => name === '')
    .map(([field, name]) =>
      problem(field, name, 'must name a file of /etc/KubeOS/certs when mtls is true'),
    )
}

function containerProblems(source: ImageSourceFacts): OsProblem[] {
  const found: OsProblem[] = []
  if (!CONTAINER_IMAGE.test(source.containerImage))
    found.push(
      problem(
        'containerimage',
        source.containerImage,
        'must be of the form repo/name, repo/name:tag or repo/name@sha256:digest',
      ),
    )
  if (!SHA256.test(source.checksum.replace(/^sha256:/, '')))
    found.push(
      problem(
        'checksum',
        source.checksum,
        'must be the digest of the image, 64 hexadecimal digits',
      ),
    )
  return found
}

/** An address can hold a password; status must not (I26). */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*$/, '?…')
}
