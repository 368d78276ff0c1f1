// OS and OSInstance as TypeScript sees them. Types only: importing this file costs nothing at run time.
// All spec fields are optional here: objects made under upstream's CRD may lack any of them (contract 1.3).
import type { z } from 'zod'
import type { KubeObject } from '../core/objects.ts'
import type * as schema from './os-schema.ts'

export type OsSpec = Partial<z.input<typeof schema.OsSpec>>
export type OsStatus = z.input<typeof schema.OsStatus>
export type OsInstanceSpec = z.input<typeof schema.OsInstanceSpec>
export type OsInstanceStatus = z.input<typeof schema.OsInstanceStatus>
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
