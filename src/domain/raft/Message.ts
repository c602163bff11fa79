/**
 * What members say to each other. Each variant carries only its own fields.
 *
 * Only what travels is a message. What a node tells its own core (tick, campaign, propose, a peer is
 * unreachable, a snapshot was delivered) is a method of `Raft`, so it cannot arrive from a peer.
 * A follower does not forward proposals inside the core: their admission is the leader's (SPEC §9),
 * and so the way to the leader is the service's.
 */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import type { Entry } from "./Entry.ts"
import type { Position } from "./Position.ts"
import type { Snapshot } from "./Snapshot.ts"

/** Who speaks to whom. `from` is always the member that sent this very message. */
interface Addressed {
  readonly from: MemberId
  readonly to: MemberId
}

/** `term` is the sender's, except in the messages of a pre-vote. */
interface Termed extends Addressed {
  readonly term: Term
}

/** Leader → member: these entries follow `previous`; everything up to `commit` is committed. */
export interface Append extends Termed {
  readonly _tag: "Append"
  readonly previous: Position
  readonly entries: ReadonlyArray<Entry>
  readonly commit: LogIndex
}

/**
 * Member → leader: my log holds yours up to `index`, durably; or, with a `rejectionHint`, it does not
 * hold the entry at `index` that you named as previous. **Ordering**: vouches for durable state.
 */
export interface AppendResponse extends Termed {
  readonly _tag: "AppendResponse"
  readonly index: LogIndex
  /** The last position at which the logs may agree; term 0 where the member knows none. */
  readonly rejectionHint: Position | undefined
}

/** Candidate → voter: my log ends at `last`; vote for me in `term`. */
export interface Vote extends Termed {
  readonly _tag: "Vote"
  readonly last: Position
  /** The leader itself asked for this election, so voters need not wait for it to fall silent. */
  readonly isTransfer: boolean
}

/** Voter → candidate. **Ordering**: vouches for durable state. */
export interface VoteResponse extends Termed {
  readonly _tag: "VoteResponse"
  readonly granted: boolean
  /** Of a refusal: an entry that the voter knows to be committed. The candidate may have it too. */
  readonly committed: Position | undefined
}

/** Would you vote for me in `term`, which is one above mine? Changes nobody's term. */
export interface PreVote extends Termed {
  readonly _tag: "PreVote"
  readonly last: Position
}

/** `term` is the one asked about if granted, else the voter's own. */
export interface PreVoteResponse extends Termed {
  readonly _tag: "PreVoteResponse"
  readonly granted: boolean
  /** As in {@link VoteResponse}. */
  readonly committed: Position | undefined
}

/** Leader → member: I still lead. */
export interface Heartbeat extends Termed {
  readonly _tag: "Heartbeat"
  /** Never above what the leader knows this member to hold. */
  readonly commit: LogIndex
  /** How many reads the leader wants confirmed; 0 if none wait (`ReadQueue`). */
  readonly readPosition: number
}

/** Member → leader: I follow you still. `readPosition` is the heartbeat's. */
export interface HeartbeatResponse extends Termed {
  readonly _tag: "HeartbeatResponse"
  readonly readPosition: number
}

/** Leader → member: what you need is no longer in my log; take this instead. */
export interface InstallSnapshot extends Termed {
  readonly _tag: "InstallSnapshot"
  readonly snapshot: Snapshot
}

/** Leader → voter: campaign now. */
export interface TimeoutNow extends Termed {
  readonly _tag: "TimeoutNow"
}

/** Follower → leader: hand the leadership over to `transferee`. */
export interface TransferLeadership extends Termed {
  readonly _tag: "TransferLeadership"
  readonly transferee: MemberId
}

/** A read that waits for its index: who asked, and which of its reads it is. */
export interface ReadRequest {
  readonly requester: MemberId
  /** u64, unique to the requester across its restarts: starts at a random number in each opening. */
  readonly requestId: bigint
}

/** Follower → leader: from which applied index on may this be read? Has no term: it may be late. */
export interface ReadIndex extends Addressed {
  readonly _tag: "ReadIndex"
  readonly request: ReadRequest
}

/** Leader → requester: from `index` on. */
export interface ReadIndexResponse extends Termed {
  readonly _tag: "ReadIndexResponse"
  readonly index: LogIndex
  readonly requestId: bigint
}

export type Message =
  | Append
  | AppendResponse
  | Vote
  | VoteResponse
  | PreVote
  | PreVoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | TransferLeadership
  | ReadIndex
  | ReadIndexResponse

/** Every message but `ReadIndex`. */
export type TermedMessage = Exclude<Message, ReadIndex>

/**
 * Does this message vouch for durable state? Then it may leave only after everything the core had
 * decided when it made the message has been persisted (Raft thesis §3.8).
 */
export const isVouching = (
  message: Message
): message is AppendResponse | VoteResponse | PreVoteResponse =>
  message._tag === "AppendResponse" ||
  message._tag === "VoteResponse" ||
  message._tag === "PreVoteResponse"

/** Is this an answer? An answer from somebody who is no member is refused. */
export const isResponse = (message: Message): boolean =>
  isVouching(message) ||
  message._tag === "HeartbeatResponse" ||
  message._tag === "ReadIndexResponse"
