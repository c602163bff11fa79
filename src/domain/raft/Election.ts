/**
 * Campaigning and voting (Raft thesis §3.4, §3.6.1, §9.6).
 *
 * What must never happen: two votes in a term, or a vote for a log that lacks a committed entry.
 * Proof: `paper.test.ts`, `Simulation.test.ts`.
 */
import type { MemberId, Term } from "../Ids.ts"
import * as Membership from "./Membership.ts"
import type { PreVote, PreVoteResponse, Vote, VoteResponse } from "./Message.ts"
import * as Position from "./Position.ts"
import * as Quorum from "./Quorum.ts"
import { broadcastAppend } from "./Replication.ts"
import type { Candidate, PreCandidate } from "./Role.ts"
import {
  hasMembershipToApply,
  isPromotable,
  leaderOf,
  type State,
  send,
  votersOf
} from "./State.ts"
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./Transitions.ts"

/** Why a member campaigns: it heard no leader, or the leader asked it to take over. */
export type Reason = "timeout" | "transfer"

/**
 * Campaigns if it may: a leader need not, a learner and a removed member must not, and neither may
 * one that knows of a change of the membership it has not applied.
 */
export function campaign(state: State, reason: Reason): void {
  if (state.role._tag === "Leader" || !isPromotable(state) || hasMembershipToApply(state)) return
  // Whoever is asked to take over has just heard from the leader: it was not cut off.
  if (state.options.preVote && reason === "timeout") requestPreVotes(state)
  else requestVotes(state, reason)
}

function requestPreVotes(state: State): void {
  const { last } = state.log
  becomePreCandidate(state)
  const from = state.id
  const term = Position.nextTerm(state.term)
  for (const to of Membership.allVoters(state.membership)) {
    if (to === from) grant(state, "PreVoteResponse", { from, term })
    else send(state, { _tag: "PreVote", from, to, term, last })
  }
}

function requestVotes(state: State, reason: Reason): void {
  const { last } = state.log
  becomeCandidate(state)
  const { id: from, term } = state
  const isTransfer = reason === "transfer"
  for (const to of Membership.allVoters(state.membership)) {
    if (to === from) grant(state, "VoteResponse", { from, term })
    else send(state, { _tag: "Vote", from, to, term, last, isTransfer })
  }
}

type AnswerTag = (VoteResponse | PreVoteResponse)["_tag"]

/** A candidate's own vote too is an answer: persisted before it counts, as any other. */
function grant(
  state: State,
  _tag: AnswerTag,
  { from: to, term }: { readonly from: MemberId; readonly term: Term }
): void {
  send(state, { _tag, from: state.id, to, term, granted: true, committed: undefined })
}

/** Says what is committed besides, as far as this member knows: see `learnCommitted`. */
export function refuse(state: State, _tag: AnswerTag, to: MemberId): void {
  const { id: from, log, plantedBug, term } = state
  const committed = plantedBug === "refusesWithoutCommitted" ? undefined : log.lastCommitted
  send(state, { _tag, from, to, term, granted: false, committed })
}

/** Asked for a vote in the current term. Learners answer too: the candidate may know better. */
export function handleVote(state: State, message: Vote): void {
  const mayVote =
    state.vote === message.from || (state.vote === undefined && leaderOf(state) === undefined)
  if ((mayVote || state.plantedBug === "votesTwice") && hasUpToDateLog(state, message.last)) {
    state.ticksSinceElection = 0
    state.vote = message.from
    grant(state, "VoteResponse", message)
  } else {
    refuse(state, "VoteResponse", message.from)
  }
}

/**
 * A granted pre-vote is an opinion about a later term: it binds nobody and changes nothing. It names the
 * term asked about, since a candidate would ignore one that named an earlier term.
 */
export function handlePreVote(state: State, message: PreVote): void {
  const mayVote =
    message.term > state.term ||
    state.vote === message.from ||
    (state.vote === undefined && leaderOf(state) === undefined)
  if (mayVote && hasUpToDateLog(state, message.last)) grant(state, "PreVoteResponse", message)
  else refuse(state, "PreVoteResponse", message.from)
}

/** Does this member still hear a leader? Then a candidate only disturbs (thesis §4.2.3). */
export const isLeaderHeard = (state: State): boolean =>
  state.options.checkQuorum &&
  leaderOf(state) !== undefined &&
  state.ticksSinceElection < state.options.electionTicks

export function handleVoteResponse(
  state: State,
  candidate: Candidate,
  message: VoteResponse
): void {
  switch (countVote(state, candidate, message)) {
    case "won":
      becomeLeader(state)
      if (state.role._tag === "Leader") broadcastAppend(state, state.role)
      break
    case "lost":
      becomeFollower(state, state.term, undefined)
      break
  }
}

export function handlePreVoteResponse(
  state: State,
  candidate: PreCandidate,
  message: PreVoteResponse
): void {
  switch (countVote(state, candidate, message)) {
    case "won":
      requestVotes(state, "timeout")
      break
    case "lost":
      becomeFollower(state, state.term, undefined)
      break
  }
}

/**
 * Whoever refuses a vote may know more to be committed than the candidate does, and be the only one: of
 * members that were removed by an entry that the others hold, and do not know to be committed, no vote
 * can be had if their logs are longer, and they never campaign themselves. A candidate that learns of
 * such a change gives up, as it would not have begun: it may be the one that was removed.
 */
export function learnCommitted(state: State, { committed }: VoteResponse | PreVoteResponse): void {
  const { log, plantedBug, role } = state
  if (role._tag === "Leader" || committed === undefined) return
  const isHeld =
    log.matches(committed) ||
    (plantedBug === "learnsCommittedOfAnyTerm" && committed.index <= log.last.index)
  if (!isHeld || committed.index <= log.committed) return
  log.commitThrough(committed.index)
  if (role._tag !== "Follower" && hasMembershipToApply(state)) {
    becomeFollower(state, state.term, undefined)
  }
}

/** The first answer of each voter counts. */
function countVote(
  state: State,
  { votes }: { readonly votes: Map<MemberId, boolean> },
  message: VoteResponse | PreVoteResponse
): Quorum.VoteResult {
  if (!votes.has(message.from)) votes.set(message.from, message.granted)
  return Quorum.voteResult(votersOf(state), votes)
}

const hasUpToDateLog = (state: State, last: Position.Position): boolean =>
  state.log.isUpToDate(last) || state.plantedBug === "votesForAnyLog"
