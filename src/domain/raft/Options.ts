/** What a core is built from. Everything that varies between runs arrives here or as an input. */
import type { LogIndex, MemberId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { LogReader } from "./LogReader.ts"

export interface Options {
  readonly id: MemberId
  readonly log: LogReader
  /** The state machine's applied index; the core hands out only entries above it. */
  readonly applied: LogIndex

  /** A follower that hears no leader for this many ticks, plus jitter, campaigns. */
  readonly electionTicks: number
  /** A leader is heard every this many ticks; less than `electionTicks`, best a tenth of it. */
  readonly heartbeatTicks: number
  /**
   * The election time-out with its jitter: a number in `[electionTicks, 2 × electionTicks)`. Asked
   * once after each change of role or term, when the first tick after it is counted.
   */
  readonly randomizedElectionTicks: () => number

  /** An append carries entries of at most this size (`Entry.bytesOf`), or one entry. */
  readonly messageBytesMax: number
  /** Appends on the way to one follower. */
  readonly inflightMessagesMax: number
  /** Data bytes on the way to one follower; soft by one append; at least `messageBytesMax`. */
  readonly inflightBytesMax: number
  /**
   * Data bytes in the leader's log that are not applied yet; a proposal beyond it is refused. The
   * noop and the leaving of a joint configuration are never refused.
   */
  readonly uncommittedBytesMax: number
  /** A Ready carries committed entries of at most this size (`Entry.bytesOf`), or one entry. */
  readonly committedBytesPerReadyMax: number

  /** Ask before campaigning, so that a node that was cut off does not depose a working leader. */
  readonly preVote: boolean
  /**
   * A leader that hears no quorum for `electionTicks` steps down, and voters who hear a leader
   * ignore candidates.
   */
  readonly checkQuorum: boolean
  /** A leader that is removed or made a learner steps down when it applies that. */
  readonly stepDownOnRemoval: boolean
}

/** Refuses options that contradict each other. */
export function check(options: Options): void {
  invariant(options.id > 0, "a member's id is at least 1")
  invariant(options.heartbeatTicks > 0, "a heartbeat takes at least one tick")
  invariant(
    options.electionTicks > options.heartbeatTicks,
    "an election time-out is longer than a heartbeat interval"
  )
  invariant(options.inflightMessagesMax > 0, "at least one append may be on the way")
  invariant(
    options.inflightBytesMax >= options.messageBytesMax,
    "a full append fits in the in-flight window"
  )
}
