// Which nodes an OS object means, told once more and more simply than in the operator.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS } from '@kubenest/api/os/names'
import type { Os } from '@kubenest/api/os/os'

export function selectedNodes(os: Os, nodes: readonly Node[]): Node[] {
  const selector = os.spec?.nodeselector ?? 'no-label'
  return nodes.filter(({ metadata }) => {
    const label = metadata.labels?.[LABELS.nodeSelector]
    if (selector === 'all-label') return true
    return selector === 'no-label' ? label === undefined : label === selector
  })
}
