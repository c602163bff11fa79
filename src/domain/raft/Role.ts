/**
 * What a member is at the moment, with the state that only this role has.
 *
 * A role is replaced as a whole by the functions of `Transitions.ts`, so nothing of an earlier
 * leadership or candidacy can leak into a later one.
 */
import type { LogIndex, MemberId } from "../Ids.ts"
import type { ReadRequest } from "./Message.ts"
import type { Progress } from "./Progress.ts"
import type { ReadQueue } from "./ReadQueue.ts"

/** Learners are followers too: whether a member votes is the configuration's matter. */
export interface Follower {
  readonly _tag: "Follower"
  leader: MemberId | undefined
}

/** Asks whether it would win, before it disturbs anybody. */
export interface PreCandidate {
  readonly _tag: "PreCandidate"
  readonly votes: Map<MemberId, boolean>
}

export interface Candidate {
  readonly _tag: "Candidate"
  readonly votes: Map<MemberId, boolean>
}

export interface Leader {
  readonly _tag: "Leader"
  /** One per member, the leader's own included, in the order of their ids. */
  progress: ReadonlyMap<MemberId, Progress>
  ticksSinceHeartbeat: number
  /** The member that is to take over; no proposal is accepted meanwhile. */
  transferee: MemberId | undefined
  /** No change of the membership is accepted before this index has been applied. */
  membershipPendingUntil: LogIndex
  /** Data bytes of the entries appended in this leadership and not applied yet; never too high. */
  uncommittedBytes: number
  readonly reads: ReadQueue
  /** Reads that came before anything was committed in this term (thesis §6.4, step 1). */
  earlyReads: Array<ReadRequest>
}

export type Role = Follower | PreCandidate | Candidate | Leader
