/**
 * How a member changes its role (Raft thesis figure 3.3, §9.6).
 *
 * What must never happen: two leaders in a term. A member becomes candidate only in a term it has
 * just begun, with its vote spent on itself, and leader only from there.
 * Proof: `Raft.test.ts`, `Simulation.test.ts`.
 */
import type { MemberId, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Membership from "./Membership.ts"
import * as Position from "./Position.ts"
import { Progress } from "./Progress.ts"
import { ReadQueue } from "./ReadQueue.ts"
import { appendOwn } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import type { State } from "./State.ts"

/** Follows `leader`, or nobody yet, in `term`. */
export function becomeFollower(state: State, term: Term, leader: MemberId | undefined): void {
  enterTerm(state, term)
  state.role = { _tag: "Follower", leader }
}

/** Asks for votes in the next term without entering it: neither term nor vote nor clock changes. */
export function becomePreCandidate(state: State): void {
  invariant(state.role._tag !== "Leader", "a leader does not campaign")
  state.role = { _tag: "PreCandidate", votes: new Map() }
}

/** Enters the next term, with its own vote. */
export function becomeCandidate(state: State): void {
  invariant(state.role._tag !== "Leader", "a leader does not campaign")
  enterTerm(state, Position.nextTerm(state.term))
  state.vote = state.id
  state.role = { _tag: "Candidate", votes: new Map() }
}

/** Leads, beginning with a noop: only an entry of its own term can be committed by counting. */
export function becomeLeader(state: State): void {
  invariant(state.role._tag === "Candidate", "only a candidate becomes leader")
  enterTerm(state, state.term)
  const { log } = state
  const leader: Leader = {
    _tag: "Leader",
    progress: new Map(
      Membership.allMembers(state.membership).map((id) => [id, initialProgress(state, id)])
    ),
    ticksSinceHeartbeat: 0,
    transferee: undefined,
    // Somewhere in the tail may be a change of the membership; waiting for all of it costs nothing.
    membershipPendingUntil: log.lastIndex,
    uncommittedBytes: 0,
    reads: new ReadQueue(),
    earlyReads: []
  }
  state.role = leader
  const index = Position.after(log.lastIndex)
  appendOwn(state, leader, [{ term: state.term, index, kind: "noop", data: new Uint8Array(0) }])
}

function initialProgress(state: State, id: MemberId): Progress {
  const { inflightMessagesMax, inflightBytesMax } = state.options
  const { lastIndex } = state.log
  const isSelf = id === state.id
  const progress = new Progress({
    match: isSelf ? lastIndex : Position.noIndex,
    next: Position.after(lastIndex),
    isRecentlyActive: isSelf,
    limits: { messagesMax: inflightMessagesMax, bytesMax: inflightBytesMax }
  })
  if (isSelf) progress.becomeReplicate()
  return progress
}

/** A vote belongs to its term; the clock starts anew in any case. */
function enterTerm(state: State, term: Term): void {
  invariant(term >= state.term, "a term never goes back")
  if (term > state.term) {
    state.term = term
    state.vote = undefined
  }
  state.ticksSinceElection = 0
  state.electionTimeoutTicks = undefined
}
