/**
 * Admission and group commit: from one caller's request to one entry of the log, and back (SPEC §9).
 *
 * The source of a proposal is fixed by the method called, never taken from the wire.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SidecarOutcome } from "../domain/encryption/SidecarState.ts"
import type { ProposalSuperseded, ProposalTimedOut, SpaceLow } from "../domain/engine/Errors.ts"
import type { ProposeRejection } from "./RaftEngine.ts"

/** Of these only `ProposalTimedOut` and `NodeStopped` leave open whether the proposal is applied. */
export type ProposeFailure = ProposeRejection | ProposalSuperseded | ProposalTimedOut | SpaceLow

export class Coordinator extends Context.Service<
  Coordinator,
  {
    /**
     * Proposes one state-machine request of a user; returns its result once it is applied. Requests
     * that arrive while a batch is being appended form the next batch.
     */
    readonly propose: (request: Uint8Array) => Effect.Effect<Uint8Array, ProposeFailure>
    /**
     * Proposes a command of the encryption administration, in an entry of its own; passes a closed
     * barrier. Returns what applying it did.
     */
    readonly administer: (body: Uint8Array) => Effect.Effect<SidecarOutcome, ProposeFailure>
  }
>()("sealog/Coordinator") {}
