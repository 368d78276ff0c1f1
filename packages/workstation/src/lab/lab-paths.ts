// Where things lie in a lab's state folder, which is the only place a lab writes to.

/** Absolute paths of one lab. */
export interface LabPaths {
  readonly root: string
  readonly record: string
  readonly request: string
  readonly kubeconfig: string
  readonly pki: string
  readonly etcd: string
  readonly logs: string
  readonly images: string
  readonly nodes: string
  /** OS objects with this lab's addresses and digests. */
  readonly manifests: string
}

/** The layout below a state folder. */
export function labPaths(root: string): LabPaths {
  return {
    root,
    record: `${root}/lab.json`,
    request: `${root}/request.json`,
    kubeconfig: `${root}/kubeconfig`,
    pki: `${root}/pki`,
    etcd: `${root}/etcd`,
    logs: `${root}/logs`,
    images: `${root}/images`,
    nodes: `${root}/nodes`,
    manifests: `${root}/manifests`,
  }
}
