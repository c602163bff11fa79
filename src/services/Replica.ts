/**
 * This node's copy of the replicated state machine, as an embedder's own service calls it
 * (SPEC §7, §9).
 *
 * Requests and queries are bytes of the embedder's own making; only its `StateMachine` reads them.
 * A refusal that means "not yet" (an election, a cutover under way) is a pause here, not an error.
 * Proof: `test/layers/Replica.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SessionRefusal } from "../domain/apply/Outcome.ts"
import type { ProposalTimedOut } from "../domain/engine/Errors.ts"
import type { RequestTooLarge, ValueCorrupted } from "../domain/kv/Errors.ts"
import type { SessionId, SessionSequence } from "../domain/log/Request.ts"
import type { SequenceOutOfRange, TooManySessions } from "../domain/session/Errors.ts"
import type { ProposeFailure } from "./Coordinator.ts"
import type { EngineFailure } from "./EngineFailure.ts"
import type { ReadRejection } from "./RaftEngine.ts"

/** Only after `ProposalTimedOut` and `NodeStopped` may the request still be applied. */
export type ReplicaWriteFailure = ProposeFailure | RequestTooLarge
/** Of a read; one that is stale can only fail with `ValueCorrupted` and `NodeStopped`. */
export type ReplicaReadFailure = ReadRejection | ProposalTimedOut | ValueCorrupted

export class Replica extends Context.Service<
  Replica,
  {
    /**
     * Proposes one request; returns what the state machine answered, once it is durable on a quorum
     * and applied here. Waits while there is no leader yet or a cutover holds writes off, for at most
     * `proposalTimeoutMillis`. Interrupting it before the request is in a batch takes it back.
     */
    readonly propose: (request: Uint8Array) => Effect.Effect<Uint8Array, ReplicaWriteFailure>
    /** Opens a session under an id that you have drawn; repeating it does no harm. */
    readonly openSession: (
      sessionId: SessionId
    ) => Effect.Effect<void, ProposeFailure | TooManySessions>
    /**
     * Like `propose`, as a write of a session: repeated under the same sequence, after a time-out or a
     * restart, it is applied once and answered as it was the first time.
     */
    readonly proposeOnce: (
      request: Uint8Array,
      write: SessionSequence
    ) => Effect.Effect<Uint8Array, ReplicaWriteFailure | SessionRefusal | SequenceOutOfRange>
    /**
     * Asks the state machine. Linearizable: sees every request that was answered before the call, on
     * whatever node. With `stale` it answers at once from what this node has applied, unless it has halted.
     */
    readonly read: (
      query: Uint8Array,
      options?: { readonly stale?: boolean | undefined }
    ) => Effect.Effect<Uint8Array, ReplicaReadFailure>
    /** Returns once this node has applied all that was committed when it was asked. */
    readonly caughtUp: Effect.Effect<void, ReadRejection | ProposalTimedOut>
    /** Never succeeds; fails when the node has halted. A restart, under a mended cause, goes on. */
    readonly stopped: Effect.Effect<never, EngineFailure>
  }
>()("sealog/Replica") {}
