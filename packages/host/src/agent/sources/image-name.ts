// Names of container images (contract 4.5.2): the documented grammar and nothing else, so that no
// name can become an option or a word of somebody's script. Pure.
import { OsError } from '@kubenest/base/errors'

const NAME_LENGTH_MAX = 512
const GRAMMAR =
  /^(?<repository>(?:[\w.-]+(?::\d+)?\/)*[\w.-]+)(?::(?<tag>[\w.-]+)|@sha256:(?<digest>[0-9A-Fa-f]+))?$/

/** A name that keeps the grammar. */
export interface ImageName {
  /** As the user wrote it. */
  readonly text: string
  readonly repository: string
  readonly tag?: string
  /** Hex digits after `@sha256:`, lower case. */
  readonly digest?: string
}

/** Parses `container_image`; throws code `image-name-refused`. */
export function parseImageName(text: string): ImageName {
  const groups = text.length <= NAME_LENGTH_MAX ? GRAMMAR.exec(text)?.groups : undefined
  const { repository, tag, digest } = groups ?? {}
  // A word that begins with a dash is an option to every program there is.
  if (repository === undefined || /(?:^|\/)-/.test(text)) throw refusal(text)
  return {
    text,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: digest.toLowerCase() }),
  }
}

/**
 * The name that containerd keeps for it: short names are completed as docker and crictl do, because
 * ctr does not.
 */
export function fullImageName({ text, repository, tag, digest }: ImageName): string {
  const [first = '', ...rest] = repository.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const short = rest.length > 0 ? 'docker.io/' : 'docker.io/library/'
  return `${hasHost ? '' : short}${text}${tag === undefined && digest === undefined ? ':latest' : ''}`
}

function refusal(text: string): OsError {
  const shown = JSON.stringify(text.slice(0, 100))
  return new OsError('invalid', {
    code: 'image-name-refused',
    message: `Cannot pull the image: containerimage is ${shown}; write repository/name, repository/name:tag or repository/name@sha256:digest`,
  })
}
