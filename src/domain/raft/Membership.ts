/**
 * The configuration of a group as immutable data: who votes, who learns, and what is being left.
 *
 * A configuration is joint while `votersOutgoing` is not empty: then every decision needs a majority
 * of both halves (Raft thesis §4.3). How one configuration becomes another is `MembershipChange`.
 * What must never happen: a member that is voter and learner at once. Proof: `MembershipChange.test.ts`.
 */
import type { MemberId } from "../Ids.ts"

/**
 * **Invariants**
 * 1. Every list is sorted and free of repetitions.
 * 2. `learners` shares no member with `voters` or `votersOutgoing`.
 * 3. `learnersNext` is a part of `votersOutgoing`, shares no member with `voters`, and is empty
 *    unless the configuration is joint.
 * 4. `autoLeave` is false unless the configuration is joint.
 */
export interface Membership {
  /** The voters; of a joint configuration, those of the half that is being entered. */
  readonly voters: ReadonlyArray<MemberId>
  /** The voters of the half that is being left; empty unless the configuration is joint. */
  readonly votersOutgoing: ReadonlyArray<MemberId>
  readonly learners: ReadonlyArray<MemberId>
  /** Voters of the half being left that become learners the moment it is left. */
  readonly learnersNext: ReadonlyArray<MemberId>
  /** Does the leader leave the joint configuration by itself, once it has been applied? */
  readonly autoLeave: boolean
}

/** No members: a node that waits for its first snapshot or for a leader to add it. */
export const empty: Membership = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false
}

/** A configuration that is not joint. */
export const make = (
  voters: Iterable<MemberId>,
  learners: Iterable<MemberId> = []
): Membership => ({
  ...empty,
  voters: sorted(voters),
  learners: sorted(learners)
})

export const isJoint = (membership: Membership): boolean => membership.votersOutgoing.length > 0

/** Does this member vote in either half? */
export const isVoter = (membership: Membership, id: MemberId): boolean =>
  membership.voters.includes(id) || membership.votersOutgoing.includes(id)

export const isLearner = (membership: Membership, id: MemberId): boolean =>
  membership.learners.includes(id)

/** Is this member replicated to, as a voter or as a learner? */
export const isMember = (membership: Membership, id: MemberId): boolean =>
  isVoter(membership, id) || isLearner(membership, id)

/** The voters of both halves. */
export const allVoters = (membership: Membership): ReadonlyArray<MemberId> =>
  isJoint(membership)
    ? sorted([...membership.voters, ...membership.votersOutgoing])
    : membership.voters

/** Everybody who is replicated to. */
export const allMembers = (membership: Membership): ReadonlyArray<MemberId> =>
  sorted([...membership.voters, ...membership.votersOutgoing, ...membership.learners])

/** Is the only vote that counts that of this member? */
export const isAlone = (membership: Membership, id: MemberId): boolean =>
  membership.voters.length === 1 && membership.voters[0] === id && !isJoint(membership)

/** Sorted, each id once. */
export function sorted(ids: Iterable<MemberId>): ReadonlyArray<MemberId> {
  return [...new Set(ids)].sort((a, b) => a - b)
}
