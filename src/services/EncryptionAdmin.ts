/** The operator's side of encryption: phases and their status (SPEC §2, §12). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { EncryptionStatus } from "../domain/api/AdminApi.ts"
import type { KeyPurpose } from "../domain/encryption/DataKey.ts"
import type {
  CapabilityCheckFailed,
  EncryptionNotBootstrapped,
  KekUnavailable,
  RotationOutcomeUnknown
} from "../domain/encryption/Errors.ts"
import type * as Rotation from "../domain/encryption/Rotation.ts"
import type { LeaderLost } from "../domain/engine/Errors.ts"
import type { KeyId, LogIndex } from "../domain/Ids.ts"
import type { MembershipChangeInProgress } from "../domain/members/Errors.ts"
import type { ProposeFailure } from "./Coordinator.ts"
import type { ReadRejection } from "./RaftEngine.ts"

export type { EncryptionStatus } from "../domain/api/AdminApi.ts"

export interface StorageEnvelopeEnabled {
  /** The index of the entry that enabled it. */
  readonly index: LogIndex
  readonly wasAlreadyActive: boolean
}

export interface RotateRequest {
  readonly purpose: KeyPurpose
  /** The DEK that is to be active no longer; the one that is active now, if not given. */
  readonly replaces?: KeyId
}

/** The DEK that is active now, and the index of the entry that brought it. */
export interface DekRotated extends Rotation.Rotated {
  /** For reading only, from that index on. */
  readonly replacedKeyId: KeyId
  /** It was not active any more: rotated by somebody else, or by this call when it was made before. */
  readonly wasAlreadyRotated: boolean
}

export type RotateFailure =
  | Exclude<ProposeFailure, { readonly _tag: "ProposalTimedOut" }>
  | LeaderLost
  | Rotation.Refusal
  | KekUnavailable
  /** Proposed, and not known to be applied: asked again for the same DEK, it is rotated once. */
  | RotationOutcomeUnknown

export class EncryptionAdmin extends Context.Service<
  EncryptionAdmin,
  {
    /** Phase 0 → 1; draws the DEKs first if there are none. Idempotent. */
    readonly enableStorageEnvelope: Effect.Effect<
      StorageEnvelopeEnabled,
      | ProposeFailure
      | LeaderLost
      | CapabilityCheckFailed
      | KekUnavailable
      | MembershipChangeInProgress
    >
    /**
     * Makes a new DEK the active one of its purpose, in any phase that has DEKs; what the old one has
     * sealed stays readable (SPEC §18). Idempotent for a DEK that is named.
     */
    readonly rotateDek: (request: RotateRequest) => Effect.Effect<DekRotated, RotateFailure>
    /** The DEK that new seals use, as of a read index: whom a rotation is to replace. */
    readonly activeDek: (
      purpose: KeyPurpose
    ) => Effect.Effect<KeyId, ReadRejection | EncryptionNotBootstrapped>
    /** Of this node alone; `EncryptionSurvey` has every member. */
    readonly status: () => EncryptionStatus
  }
>()("sealog/EncryptionAdmin") {}
