/**
 * The engine of one group: the Raft core, its log, and the loop persist → send → apply → answer
 * (SPEC §10, §11, §13).
 *
 * What must never happen: an answer before the entry is durable and applied; progress past an entry
 * that could not be applied. Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { RegistrationOutcome } from "../domain/apply/Outcome.ts"
import type { CutoverInFlight } from "../domain/encryption/Errors.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import type { RenouncedReason } from "../domain/engine/Candidacy.ts"
import type {
  LeaderNotReady,
  MembershipChangeRefused,
  MembershipOutcomeUnknown,
  NodeStopped,
  NotLeader,
  TooManyProposals,
  TransferFailed
} from "../domain/engine/Errors.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { LogIndex, MemberId, Term } from "../domain/Ids.ts"
import type { Membership } from "../domain/raft/Membership.ts"
import type { MembershipChange } from "../domain/raft/MembershipChange.ts"
import type { Position } from "../domain/raft/Position.ts"
import type { Status } from "../domain/raft/Status.ts"
import type { EngineFailure } from "./EngineFailure.ts"

export interface Proposal {
  /** A payload (SPEC §7): becomes the body of the proposal envelope, sealed if it is to be. */
  readonly body: Uint8Array
  /** The term it was admitted in; refused in any other. */
  readonly term: Term
  readonly toBeSealed: boolean
  readonly onEvent: (event: ProposalEvent) => void
}

/** May proposals come in, and in which term (SPEC §13)? */
export type Intake =
  | { readonly _tag: "Open"; readonly term: Term }
  | { readonly _tag: "Shut"; readonly reason: NotLeader | LeaderNotReady | NodeStopped }

export type ProposeRejection =
  | NotLeader
  | LeaderNotReady
  | CutoverInFlight
  | TooManyProposals
  | NodeStopped

/** A change that counts now. */
export interface MembershipApplied {
  readonly index: LogIndex
  readonly configuration: Membership
}

/** Only `MembershipOutcomeUnknown` and `NodeStopped` leave open whether the change is made. */
export type ChangeMembershipFailure =
  | NotLeader
  | LeaderNotReady
  | MembershipChangeRefused
  | MembershipOutcomeUnknown
  | NodeStopped
  | TooManyProposals

export type RegisterWriterFailure = NotLeader | LeaderNotReady | NodeStopped | TooManyProposals

export type TransferFailure = NotLeader | TransferFailed | NodeStopped | TooManyProposals

export type ReadRejection = NotLeader | LeaderNotReady | TooManyProposals | NodeStopped

export class RaftEngine extends Context.Service<
  RaftEngine,
  {
    readonly intake: () => Intake
    /**
     * Appends one proposal; returns when it is durable in this node's log. After a rejection
     * `onEvent` is never called, and the proposal is not in the log; only `NodeStopped` leaves that
     * open, because a write that failed may have reached the disk.
     */
    readonly propose: (proposal: Proposal) => Effect.Effect<Position, ProposeRejection>
    /**
     * Returns once this node has applied all that was committed when it was asked (read index): of a
     * follower by its leader. `NotLeader` of an unknown leader: nobody answered in time, ask again.
     */
    readonly readIndex: Effect.Effect<LogIndex, ReadRejection>
    /**
     * Appends a change of the membership in the term this node leads; returns when it is applied here.
     * `MembershipChangeRefused` by the core at once, or by the state when it is applied: void then.
     * The caller sets the time: what it stops waiting for may still be made. With a term: in that one, or
     * not at all.
     */
    readonly changeMembership: (
      change: MembershipChange,
      term?: Term
    ) => Effect.Effect<MembershipApplied, ChangeMembershipFailure>
    /**
     * Registers another node, epoch 0: it has a writer id once this returns (SPEC §6). In that term or not
     * at all, and only once there is a raft DEK. Whoever is told that the term ended may ask again: a
     * writer that has its id keeps it.
     */
    readonly registerWriter: (
      writer: WriterIdentity,
      term: Term
    ) => Effect.Effect<RegistrationOutcome, RegisterWriterFailure>
    /**
     * Hands the leadership over to a voter; returns when it is known to lead. Proposals that come
     * meanwhile are refused with `NotLeader` of an unknown leader: a pause for who tries again.
     */
    readonly transferLeadership: (to: MemberId) => Effect.Effect<void, TransferFailure>
    /** Returns once this leader may seal: its registration is applied. */
    readonly sealingReady: Effect.Effect<void, NotLeader | NodeStopped | TooManyProposals>
    /** Has this leader a change of the membership in its log that is not applied here? */
    readonly isMembershipPending: () => boolean
    /** Does a cutover marker count in this node's log (SPEC §10)? */
    readonly markerCounts: () => boolean
    readonly status: () => Status
    /** Was this node a member of the cluster, and is none any more? */
    readonly isRemoved: () => boolean
    /** Why this node does not campaign (SPEC §6); `undefined` if it may. */
    readonly candidacyRenounced: () => RenouncedReason | undefined
    /** Never succeeds; fails when the engine has stopped for good. */
    readonly stopped: Effect.Effect<never, EngineFailure>
  }
>()("sealog/RaftEngine") {}
