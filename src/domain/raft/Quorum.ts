/**
 * What a majority has acknowledged or decided, in one configuration or in the two halves of a joint
 * one (Raft thesis §3.5, §4.3).
 *
 * What must never happen: a decision that two disjoint sets of voters could take at once.
 * Proof: `Quorum.test.ts`, against a model that tries every subset.
 */
import type { LogIndex, MemberId } from "../Ids.ts"

/** The voters of a configuration; `votersOutgoing` is empty unless it is joint. */
export interface JointVoters {
  readonly voters: ReadonlyArray<MemberId>
  readonly votersOutgoing: ReadonlyArray<MemberId>
}

/** `pending` while the voters that have not answered could still decide it either way. */
export type VoteResult = "won" | "lost" | "pending"

/** The answer of an empty half: it never holds back the other one. */
export const everyIndex = Number.POSITIVE_INFINITY as LogIndex

/** The highest index that a majority of both halves has acknowledged. */
export function committedIndex(
  joint: JointVoters,
  acknowledged: (id: MemberId) => LogIndex | undefined
): LogIndex {
  const incoming = majorityIndex(joint.voters, acknowledged)
  if (joint.votersOutgoing.length === 0) return incoming
  const outgoing = majorityIndex(joint.votersOutgoing, acknowledged)
  return incoming < outgoing ? incoming : outgoing
}

/** The outcome of an election: won in both halves, or lost in one, or not known yet. */
export function voteResult(joint: JointVoters, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = majorityVote(joint.voters, votes)
  const outgoing = majorityVote(joint.votersOutgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending"
}

/** The highest index that more than half of `voters` have acknowledged; silence counts as 0. */
export function majorityIndex(
  voters: ReadonlyArray<MemberId>,
  acknowledged: (id: MemberId) => LogIndex | undefined
): LogIndex {
  if (voters.length === 0) return everyIndex
  const indexes = voters.map((id): number => acknowledged(id) ?? 0).sort((a, b) => b - a)
  return indexes[majorityOf(voters) - 1] as LogIndex
}

/** The outcome among `voters` alone; an empty set agrees with anything. */
export function majorityVote(
  voters: ReadonlyArray<MemberId>,
  votes: ReadonlyMap<MemberId, boolean>
): VoteResult {
  let granted = 0
  let silent = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) silent++
    else if (vote) granted++
  }
  if (voters.length === 0 || granted >= majorityOf(voters)) return "won"
  return granted + silent >= majorityOf(voters) ? "pending" : "lost"
}

const majorityOf = (voters: ReadonlyArray<MemberId>): number => Math.floor(voters.length / 2) + 1
