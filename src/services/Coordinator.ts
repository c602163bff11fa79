/**
 * Admission and group commit: from one caller's request to one entry of the log, and back (SPEC §9).
 *
 * The source of a proposal is fixed by the method called, never taken from the wire.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SessionRefusal } from "../domain/apply/Outcome.ts"
import type { SidecarOutcome } from "../domain/encryption/SidecarState.ts"
import type { ProposalSuperseded, ProposalTimedOut, SpaceLow } from "../domain/engine/Errors.ts"
import type { Term } from "../domain/Ids.ts"
import type { IdleSession } from "../domain/log/Payload.ts"
import type { SessionId, SessionSequence } from "../domain/log/Request.ts"
import type { SequenceOutOfRange, TooManySessions } from "../domain/session/Errors.ts"
import type { Turn } from "./AdministrationTurn.ts"
import type { ProposeRejection } from "./RaftEngine.ts"

/** Of these only `ProposalTimedOut` and `NodeStopped` leave open whether the proposal is applied. */
export type ProposeFailure = ProposeRejection | ProposalSuperseded | ProposalTimedOut | SpaceLow

/** In which term a command of the administration is proposed, and in whose turn. */
export interface Administering {
  /** The one it was decided in; in any other it is refused with `NotLeader`. */
  readonly term: Term
  /**
   * A turn, kept whatever becomes of the caller until the command is applied here, or this node has left
   * that term, or it is certain that the command is not in the log.
   */
  readonly keep?: Turn["keep"]
}

export class Coordinator extends Context.Service<
  Coordinator,
  {
    /**
     * Proposes one state-machine request of a user; returns its result once it is applied. Requests
     * that arrive while a batch is being appended form the next batch. `answerBytesMax`: what the
     * answer may have, if that is more than a few bytes; a batch is closed before it passes
     * `Limits.batchAnswerBytesMax`.
     */
    readonly propose: (
      request: Uint8Array,
      answerBytesMax?: number
    ) => Effect.Effect<Uint8Array, ProposeFailure>
    /**
     * Like `propose`, as a write of a session: proposed again under the same sequence, whatever
     * became of it before, it is applied once and its first result is returned.
     */
    readonly proposeOnce: (
      request: Uint8Array,
      write: SessionSequence,
      answerBytesMax?: number
    ) => Effect.Effect<Uint8Array, ProposeFailure | SessionRefusal | SequenceOutOfRange>
    /** Opens a session under an id the client has drawn; repeating it does no harm. */
    readonly openSession: (
      sessionId: SessionId
    ) => Effect.Effect<void, ProposeFailure | TooManySessions>
    /** Ends sessions, except those that were used since; returns how many were ended. */
    readonly expireSessions: (
      sessions: ReadonlyArray<IdleSession>
    ) => Effect.Effect<number, ProposeFailure>
    /**
     * Proposes a command of the encryption administration, in an entry of its own; passes a closed
     * barrier. Returns what applying it did.
     */
    readonly administer: (
      body: Uint8Array,
      administering: Administering
    ) => Effect.Effect<SidecarOutcome, ProposeFailure>
  }
>()("sealog/Coordinator") {}
