// Port: how the standby slot of a node is written and checked. A/B with ext4 is the first;
// dm-verity and ostree come later. A back-end knows devices and bytes; it knows no journal and arms
// nothing.
import type { ProgressUpdate } from '../update/update-engine.ts'
import type { SlotName, TrialContract } from '../update/journal-state.ts'
import type { ImageStream } from '../sources/image-source.ts'
import type { SlotPair } from './find-slots.ts'

/** What is to be staged. */
export interface StageRequest {
  readonly target: SlotName
  readonly slots: SlotPair
  /** SHA-256 of the bytes on the wire, lower-case hex; absent for an authentic stream. */
  readonly imageDigest?: string
  /** The documented `osversion`. */
  readonly version: string
  readonly onProgress: (update: ProgressUpdate) => void
  readonly signal: AbortSignal
}

/** A slot that is complete, read back, and looked into. */
export interface StagedSlot {
  readonly version: string
  readonly contract: TrialContract
  /** SHA-256 of the slot's first `sizeBytes` bytes as written. */
  readonly digest: string
  readonly sizeBytes: number
}

/** An image that nothing speaks against yet. */
export interface ReceivedImage {
  /** Fills a blanked slot. When it throws, nothing in the slot is bootable. */
  fill(): Promise<StagedSlot>
  /** Removes what receiving made; for an image that is not filled in. */
  discard(): Promise<void>
}

export interface UpdateBackend {
  findSlots(): Promise<SlotPair>
  /** Makes the target slot unbootable, durably, before anything else is written to it. */
  blank(slots: SlotPair, target: SlotName): Promise<void>
  /** Takes in what can be judged before the slot is touched; what is refused here costs nothing. */
  receive(image: ImageStream, request: StageRequest): Promise<ReceivedImage>
  /** Removes what a receipt left that was killed. */
  discardReceived(): Promise<void>
  /** Removes what a write left that did not come to its end, and blanks the slot. */
  discard(slots: SlotPair, target: SlotName): Promise<void>
  /**
   * SHA-256 of the first bytes of a slot, which may be running, in small pieces with a rest after
   * each.
   */
  digestOf(
    slots: SlotPair,
    slot: SlotName,
    how: { readonly sizeBytes: number; readonly rest: () => Promise<void> },
  ): Promise<string>
  /**
   * Compares a slot with its record, or looks into it when there is none; throws when it must not
   * boot.
   */
  check(
    slots: SlotPair,
    target: SlotName,
    record: { readonly digest: string; readonly sizeBytes: number } | undefined,
  ): Promise<{ readonly version?: string; readonly contract: TrialContract }>
  /** PRETTY_NAME of a slot's root; `undefined` when it cannot be read. */
  versionOf(slots: SlotPair, slot: SlotName): Promise<string | undefined>
}
