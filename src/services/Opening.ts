/**
 * This acquisition of the data directory: who the node is, and which opening this is (SPEC §1, §3).
 *
 * Built after the boot count was made durable and before anything else is.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LocalEpochExhausted } from "../domain/encryption/Errors.ts"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  MemberId,
  NodeName,
  OpeningId
} from "../domain/Ids.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"

export class Opening extends Context.Service<
  Opening,
  {
    readonly nodeName: NodeName
    readonly memberId: MemberId
    readonly incarnation: Incarnation
    readonly clusterId: ClusterId
    readonly groupId: GroupId
    readonly openingId: OpeningId
    /** Openings of this directory, this one included. */
    readonly bootCount: number
    /**
     * The epoch of this opening for a raft DEK: incremented once per opening and durable before it
     * is returned (SPEC §6). The same number each time it is asked for the same key.
     */
    readonly epochFor: (
      keyId: KeyId
    ) => Effect.Effect<LocalEpoch, LocalEpochExhausted | LogWriteFailure>
    /** What `epochFor` has returned for this key in this opening. */
    readonly currentEpoch: (keyId: KeyId) => LocalEpoch | undefined
    /** The newest epoch that any opening has had for this key, 0 if none, and this one if it took it. */
    readonly newestEpoch: (keyId: KeyId) => {
      readonly epoch: number
      readonly takenBy: OpeningId | undefined
    }
  }
>()("sealog/Opening") {}
