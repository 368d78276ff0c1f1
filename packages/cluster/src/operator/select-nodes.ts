// Which nodes an OS object means (contract 2.4), and whether another OS object means them, too.
// Pure.
import { NODE_SELECTOR_ALL, NODE_SELECTOR_NO_LABEL } from '@kubenest/api/os/names'
import type { NodeFacts, OsFacts } from './facts.ts'

const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/

/** True for text that can be the value of a label. */
export function isLabelValue(text: string): boolean {
  return LABEL_VALUE.test(text)
}

/** True when the selector means this node. Control-plane nodes are never meant. */
export function isSelected(
  selector: string,
  node: Pick<NodeFacts, 'isControlPlane' | 'selectorLabel'>,
): boolean {
  if (node.isControlPlane) return false
  if (selector === NODE_SELECTOR_ALL) return true
  if (selector === NODE_SELECTOR_NO_LABEL) return node.selectorLabel === undefined
  return isLabelValue(selector) && node.selectorLabel === selector
}

/** The base set, ordered by name. */
export function selectNodes(selector: string, nodes: readonly NodeFacts[]): NodeFacts[] {
  return nodes
    .filter((node) => isSelected(selector, node))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** Other objects with exactly the same selector: all of them are blocked. */
export function sameSelector(os: OsFacts, others: readonly OsFacts[]): OsFacts[] {
  return others.filter((other) => other.key !== os.key && other.nodeSelector === os.nodeSelector)
}

/**
 * An older object that shares nodes with this one when either says `all-label` (contract X4): the
 * newer one starts nothing, so that two objects never fight over a node.
 */
export function olderOverlap(
  os: OsFacts,
  others: readonly OsFacts[],
  nodes: readonly NodeFacts[],
): { other: OsFacts; node: string } | undefined {
  for (const other of others) {
    const isAll = [os.nodeSelector, other.nodeSelector].includes(NODE_SELECTOR_ALL)
    if (!isAll || other.key === os.key || !isOlder(other, os)) continue
    const shared = nodes.find(
      (node) => isSelected(os.nodeSelector, node) && isSelected(other.nodeSelector, node),
    )
    if (shared !== undefined) return { other, node: shared.name }
  }
  return undefined
}

function isOlder(a: OsFacts, b: OsFacts): boolean {
  return a.createdAt === b.createdAt ? a.key < b.key : a.createdAt < b.createdAt
}
