// The proxy of virtual nodes: the documented DaemonSet, with the image that every virtual node
// carries, and only for nodes that run pods.
import { LABELS } from '@kubenest/api/os/names'
import daemonSet from '../../../../deploy/compat/proxy.yaml' with { type: 'text' }

const VM_POOL = 'vm'
/** Labels that a guest's kubelet registers itself with. */
export const VM_NODE_LABELS = `${LABELS.nodeSelector}=${VM_POOL}`

/** The manifest as text. */
export function renderProxyDaemonSet(): string {
  return daemonSet
    .replace(
      'image: kubenest-proxy\n',
      'image: kubenest-proxy:lab\n          imagePullPolicy: Never\n',
    )
    .replace(
      '    spec:\n      containers:',
      `    spec:\n      nodeSelector:\n        ${LABELS.nodeSelector}: ${VM_POOL}\n      containers:`,
    )
}
