// The few Kubernetes fields we read. Objects from the API server hold more; nothing here forbids
// that.

/** Metadata of any object. */
export interface ObjectMeta {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
}

/** Link from an object to its owner. */
export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
}

/** Any Kubernetes object. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

/** A standard condition. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  /** One CamelCase word. */
  reason: string
  message: string
  /** RFC 3339. */
  lastTransitionTime: string
  observedGeneration?: number
}

/** The Node fields we read. */
export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean; taints?: { key: string; value?: string; effect: string }[] }
  status?: {
    nodeInfo?: { osImage: string; bootID: string; architecture?: string; kubeletVersion?: string }
    conditions?: {
      type: string
      status: string
      lastHeartbeatTime?: string
      lastTransitionTime?: string
      reason?: string
      message?: string
    }[]
    addresses?: { type: string; address: string }[]
  }
}

/** The Pod fields we read. */
export interface Pod extends KubeObject {
  spec?: {
    nodeName?: string
    volumes?: { name: string; emptyDir?: object }[]
    containers?: { name: string; image?: string }[]
    terminationGracePeriodSeconds?: number
  }
  status?: { phase?: string; reason?: string }
}

/** Lease of coordination.k8s.io/v1. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

/** Event of core v1. */
export interface Event extends KubeObject {
  involvedObject: {
    apiVersion?: string
    kind?: string
    namespace?: string
    name?: string
    uid?: string
  }
  reason: string
  message: string
  type: 'Normal' | 'Warning'
  count?: number
  firstTimestamp?: string
  lastTimestamp?: string
  source?: { component?: string; host?: string }
  reportingComponent?: string
}

/** PodDisruptionBudget of policy/v1. */
export interface PodDisruptionBudget extends KubeObject {
  spec?: {
    selector?: {
      matchLabels?: Record<string, string>
      matchExpressions?: { key: string; operator: string; values?: string[] }[]
    }
  }
  status?: { disruptionsAllowed?: number; currentHealthy?: number; desiredHealthy?: number }
}
