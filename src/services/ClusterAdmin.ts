/**
 * The operator's side of the cluster: who its members are, and changing that (SPEC §15).
 *
 * Changes are the leader's; another node refuses them with `NotLeader`, and forwarding asks the leader.
 * Decisions are those of `domain/members/Administration`. Proof: `test/layers/ClusterAdmin.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Endpoint } from "../domain/api/Endpoint.ts"
import type { CutoverInFlight } from "../domain/encryption/Errors.ts"
import type {
  LeaderLost,
  LeaderNotReady,
  MembershipOutcomeUnknown,
  NodeStopped,
  NotLeader,
  ProposalTimedOut,
  TooManyProposals
} from "../domain/engine/Errors.ts"
import type { Incarnation, LogIndex, MemberId, NodeName } from "../domain/Ids.ts"
import type * as Administration from "../domain/members/Administration.ts"
import type {
  LeadershipTransferFailed,
  MembershipChangeInProgress,
  PeerNotEncryptionCapable,
  PeerNotRegistered
} from "../domain/members/Errors.ts"

/** One member, as this node sees it. */
export interface MemberStatus {
  readonly id: MemberId
  readonly nodeName: NodeName
  readonly incarnation: Incarnation
  /** Where its peers reach it, `HOST:PORT`; none of a node that was founded alone. */
  readonly address: string | undefined
  /** Where it serves clients, as it said when it was last connected here; not known of this node. */
  readonly endpoint: string | undefined
  readonly role: "voter" | "learner"
  readonly isLeader: boolean
  /** Does this node reach it? */
  readonly isConnected: boolean
  /** Only on the leader: up to where it has the log, and the committed entries that it lacks. */
  readonly match: LogIndex | undefined
  readonly lag: number | undefined
}

export interface AddRequest {
  readonly nodeName: NodeName
  /** Where its peers reach it. */
  readonly address: Endpoint
  /** It stays a learner; otherwise it is promoted once it has caught up. */
  readonly learner: boolean
}

/** The member that was asked about, as it is now. */
export interface MemberChanged {
  readonly id: MemberId
  readonly role: "voter" | "learner"
  /** It was so before, and nothing was proposed. */
  readonly wasAlready: boolean
}

/**
 * Of these `MembershipOutcomeUnknown`, `ProposalTimedOut`, `NodeStopped` and `LeaderLost` leave open
 * whether it is changed.
 */
export type ChangeFailure =
  | NotLeader
  | LeaderNotReady
  | LeaderLost
  /** Of adding and promoting: encryption is being changed. */
  | CutoverInFlight
  | MembershipChangeInProgress
  | MembershipOutcomeUnknown
  | NodeStopped
  | ProposalTimedOut
  | TooManyProposals

/** Once there are DEKs: of a node that cannot use them, or has no writer id. Nothing was changed. */
export type CapabilityRefusal = PeerNotEncryptionCapable | PeerNotRegistered

export class ClusterAdmin extends Context.Service<
  ClusterAdmin,
  {
    /** Of the configuration that this node has applied, ascending by id. */
    readonly members: () => ReadonlyArray<MemberStatus>
    /**
     * Lets a node in that asks for it (`serve --join`): as a learner, and unless it is to stay one, as a
     * voter once it has all that was committed when it was asked for. `LearnerLagging`: it is a
     * learner, and was not promoted in time.
     */
    readonly add: (
      request: AddRequest
    ) => Effect.Effect<
      MemberChanged,
      ChangeFailure | CapabilityRefusal | Administration.AddRefusal | Administration.PromoteRefusal
    >
    /** Gives a learner that has caught up its vote. */
    readonly promote: (
      nodeName: NodeName
    ) => Effect.Effect<
      MemberChanged,
      ChangeFailure | CapabilityRefusal | Administration.PromoteRefusal
    >
    /** Its id is never used again. A leader that removes itself steps down then. */
    readonly remove: (
      nodeName: NodeName
    ) => Effect.Effect<{ readonly id: MemberId }, ChangeFailure | Administration.RemoveRefusal>
    /** Returns when that member is known to lead. */
    readonly transferLeadership: (
      nodeName: NodeName
    ) => Effect.Effect<
      { readonly id: MemberId },
      ChangeFailure | LeadershipTransferFailed | Administration.TransferRefusal
    >
  }
>()("sealog/ClusterAdmin") {}
