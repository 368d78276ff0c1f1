// Label and field selectors in the forms that the API server parses and the product sends.
import type { KubeObject } from '@kubenest/api/core/objects'

/** Whether an object is in a list or watch with these selectors. */
export function matchesSelectors(
  object: KubeObject,
  selectors: { readonly labelSelector?: string; readonly fieldSelector?: string },
): boolean {
  const labels = object.metadata.labels ?? {}
  return (
    splitTerms(selectors.labelSelector).every((term) => matchesLabel(labels, term)) &&
    splitTerms(selectors.fieldSelector).every((term) => matchesField(object, term))
  )
}

/** Splits at commas outside of parentheses. */
function splitTerms(selector: string | undefined): string[] {
  if (selector === undefined || selector === '') return []
  return selector.split(/,(?![^()]*\))/).map((term) => term.trim())
}

function matchesLabel(labels: Readonly<Record<string, string>>, term: string): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\((.*)\)$/.exec(term)
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim())
    const isIn = values.includes(labels[set[1] ?? ''] ?? '\u0000')
    return (set[2] === 'in') === isIn
  }
  const pair = /^([^=!]+)(==|=|!=)(.*)$/.exec(term)
  if (pair !== null) return (labels[pair[1] ?? ''] === pair[3]) === (pair[2] !== '!=')
  return term.startsWith('!') ? labels[term.slice(1)] === undefined : labels[term] !== undefined
}

function matchesField(object: KubeObject, term: string): boolean {
  const pair = /^([^=!]+)(==|=|!=)(.*)$/.exec(term)
  if (pair === null) return false
  let value: unknown = object
  for (const step of (pair[1] ?? '').split('.'))
    value =
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[step]
        : undefined
  const text = typeof value === 'string' || typeof value === 'boolean' ? String(value) : ''
  return (text === pair[3]) === (pair[2] !== '!=')
}
