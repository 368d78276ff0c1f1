// OS and OSInstance as TypeScript sees them. Types only: importing this file costs nothing at run
// time. All spec fields are optional here: objects made under upstream's CRD may lack any of them
// (contract 1.3).
import type { z } from 'zod'
import type { KubeObject } from '../core/objects.ts'
import type * as schema from './os-schema.ts'

/** Spec of an OS object; every member may be absent. */
export type OsSpec = Partial<z.input<typeof schema.OsSpec>>
/** What the operator says about a rollout. */
export type OsStatus = z.input<typeof schema.OsStatus>
/** What a node is told to do. */
export type OsInstanceSpec = z.input<typeof schema.OsInstanceSpec>
/** What the proxy says about its node. */
export type OsInstanceStatus = z.input<typeof schema.OsInstanceStatus>
/** Settings and their version. */
export type Configs = z.input<typeof schema.Configs>

/** What a user asks of the operating systems of some nodes. */
export interface Os extends KubeObject {
  spec?: OsSpec
  status?: OsStatus
}

/** A node's side of an operation; named like the node. */
export interface OsInstance extends KubeObject {
  spec?: OsInstanceSpec
  status?: OsInstanceStatus
}
