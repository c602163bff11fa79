/** The operator's side of encryption: phases and their status (SPEC §2, §12). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KeyPurpose } from "../domain/encryption/DataKey.ts"
import type { CapabilityCheckFailed, KekUnavailable } from "../domain/encryption/Errors.ts"
import type { LeaderLost } from "../domain/engine/Errors.ts"
import type { KeyId, LogIndex, WriterId } from "../domain/Ids.ts"
import type { ProposeFailure } from "./Coordinator.ts"

export interface StorageEnvelopeEnabled {
  /** The index of the entry that enabled it. */
  readonly index: LogIndex
  readonly wasAlreadyActive: boolean
}

export interface EncryptionStatus {
  readonly phase: 0 | 1 | 2
  readonly hasKek: boolean
  readonly keys: ReadonlyArray<{
    readonly id: KeyId
    readonly purpose: KeyPurpose
    readonly isActive: boolean
    readonly createdIndex: LogIndex
  }>
  /** 0 = not enabled. */
  readonly storageEnvelopeIndex: LogIndex
  /** 0 = not cut over. */
  readonly cutoverIndex: LogIndex
  readonly isBarrierClosed: boolean
  /** Of the last time it was closed, in this opening. */
  readonly barrierClosedMillis: number | undefined
  readonly isWrapFlagSet: boolean
  /** This opening as a writer of the active raft DEK. */
  readonly writerId: WriterId | undefined
  readonly localEpoch: number | undefined
}

export class EncryptionAdmin extends Context.Service<
  EncryptionAdmin,
  {
    /** Phase 0 → 1; draws the DEKs first if there are none. Idempotent. */
    readonly enableStorageEnvelope: Effect.Effect<
      StorageEnvelopeEnabled,
      ProposeFailure | LeaderLost | CapabilityCheckFailed | KekUnavailable
    >
    readonly status: () => EncryptionStatus
  }
>()("sealog/EncryptionAdmin") {}
