// The agent's JSON-RPC 2.0 dialect over its unix socket (contract 4.2, 4.3; decisions 12, 13, 19).
// The host never talks to the API server: what the cluster knows comes in by `report`.
import type { OperationPhase } from '../os/records.ts'
import type { ConfigureExtras, SettingsStatus } from './settings.ts'

export const AGENT_SOCKET_PATHS = [
  '/run/os-agent/os-agent.sock',
  '/var/run/os-agent/os-agent.sock',
] as const

/** Caps of one message (threat T8). */
export const RPC_MESSAGE_BYTES_MAX = 1024 * 1024
export const RPC_DEPTH_MAX = 64
/** Members and elements of one message: small ones cost a parser two hundred times their bytes. */
export const RPC_VALUES_MAX = 20_000

export const RPC_ERRORS = {
  method: -1,
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
} as const

/** A request's id; the reply repeats it, or carries null when it could not be read. */
export type RpcId = string | number | null

export interface RpcRequest {
  jsonrpc: '2.0'
  method: string
  params?: unknown[]
  id?: RpcId
}

/** No `data` member for our errors: the message begins with `[kind/code] ` (decision 13). */
export interface RpcError {
  code: number
  message: string
}

/** A reply: a result or an error, never both. */
export type RpcResponse =
  { jsonrpc: '2.0'; result: unknown; id: RpcId } | { jsonrpc: '2.0'; error: RpcError; id: RpcId }

/** Health policy of a trial (product 3, decision 19). */
export interface HealthPolicy {
  policy: 'Strict' | 'Local'
  deadlineSeconds: number
}

/**
 * Extra members that our proxy sends with prepare_upgrade, upgrade and rollback; upstream's agent
 * ignores them.
 */
export interface OperationExtras {
  operation_id?: string
  /** Grant for a further trial of an image that fell back (decision 5). */
  attempt?: string
  health?: HealthPolicy
}

/** Parameter of `prepare_upgrade`; the first eight members are required. */
export interface PrepareUpgradeParams extends OperationExtras {
  version: string
  check_sum: string
  image_type: string
  container_image: string
  image_url: string
  flag_safe: boolean
  mtls: boolean
  certs: { ca_cert: string; client_cert: string; client_key: string }
}

/** One entry of a settings request. */
export interface ConfigureEntry {
  model: string
  config_path: string
  contents: Record<string, { value: unknown; operation: string }>
}

/** Parameter of `configure`. */
export interface ConfigureParams extends ConfigureExtras {
  configs: ConfigureEntry[]
}

/** Result of the documented four. */
export interface StatusWordResult {
  status: 'UpgradeReady' | 'Upgraded' | 'Rollbacked' | 'Configured'
}

/** State of one slot, as a person would ask for it. */
export interface AgentSlot {
  /** `A` or `B`. */
  name: 'A' | 'B'
  booted: boolean
  /** PRETTY_NAME of the slot's os-release, when it can be read. */
  version?: string
  /** SHA-256 of the slot as written, hex. */
  digest?: string
  /** SHA-256 of the image on the wire that it was made from (the documented checksum), hex. */
  imageDigest?: string
  state: 'committed' | 'verified' | 'writing' | 'trial' | 'bad' | 'unrecorded' | 'empty'
  /** Trials of the present content. */
  tries: number
}

/** A slot in full: answer of `slots`, one for each. */
export interface AgentSlotDetail extends AgentSlot {
  /** Real path of the device. */
  device: string
  /** Size of the device, bytes. */
  sizeBytes: number
  partuuid?: string
  /** The boot loader takes it by itself. */
  isSaved: boolean
  /** The boot loader takes it once, at the next boot. */
  isNext: boolean
}

/** Answer of `slots`. */
export interface SlotsResult {
  slots: AgentSlotDetail[]
}

/** Verdicts of the table in reliability 4.7. */
export type TrialVerdict =
  | 'Committed'
  | 'InTrial'
  | 'TrialNotReached'
  | 'TrialInterrupted'
  | 'TrialUnhealthy'
  | 'ManualRollback'
  | 'UnexpectedSlot'

/** What an agent can do, by the names used on the wire; absent in status of older agents. */
export interface AgentFeatures {
  methods: string[]
  /** Values of `image_type`. */
  sources: string[]
  /** Settings models. */
  settings: string[]
  /** Layouts of disk and boot loader, for example `ab-ext4-uefi`. */
  layouts: string[]
}

/** Answer of `status`; given while busy, too. */
export interface AgentStatus {
  agentVersion: string
  /** Capabilities a proxy may rely on, for example `status`, `cancel`, `report`, `trial`. */
  capabilities: string[]
  features?: AgentFeatures
  bootId: string
  osVersion: string
  slots: AgentSlot[]
  /** The running operation, or the last one when nothing runs. */
  operation?: {
    id: string
    type: 'prepare' | 'upgrade' | 'rollback' | 'configure' | 'undo'
    running: boolean
    phase: AgentPhase
    bytesDone?: number
    bytesTotal?: number
    attempt: number
    since: string
    message: string
    /** `[kind/code] message` of its failure. */
    lastError?: string
  }
  /** How the last armed trial stands; absent when none was ever armed. */
  trial?: {
    operationId: string
    image: { digest: string; version: string }
    verdict: TrialVerdict
    /** Sentences: what was not green. */
    reasons: string[]
    since: string
  }
  settings?: SettingsStatus
  /** Reasons of reduced safety, for example `NoTrial`, `PartialTrial`, `CustomCfgForeign`. */
  degraded: { reason: string; message: string }[]
}

/** What the agent is doing, as `status` tells it. */
export type AgentPhase =
  | 'Idle'
  | 'Fetching'
  | 'Writing'
  | 'Verifying'
  | 'SlotVerified'
  | 'Arming'
  | 'Armed'
  | 'Trial'
  | 'Committed'
  | 'FellBack'
  | 'Failed'

/** Parameter of `report`: the node as the API server sees it, told by the proxy (decision 19). */
export interface ReportParams {
  ready: boolean
  reason?: string
  message?: string
}

export type { OperationPhase }
