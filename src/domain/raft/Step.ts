/**
 * Where a message is handed to the role that handles it, after the rules on terms that come before
 * every role (Raft thesis §3.3, §9.6).
 *
 * What must never happen: a message of an earlier term taken for one of this term.
 * Proof: `paper.test.ts`, `Raft.test.ts`.
 */
import { invariant } from "../Invariant.ts"
import { handleAppendResponse, handleHeartbeatResponse } from "./Acknowledgement.ts"
import {
  campaign,
  handlePreVote,
  handlePreVoteResponse,
  handleVote,
  handleVoteResponse,
  isLeaderHeard,
  learnCommitted,
  refuse
} from "./Election.ts"
import { handleAppend, handleHeartbeat, handleInstallSnapshot } from "./Following.ts"
import type { Append, Heartbeat, InstallSnapshot, Message, TermedMessage } from "./Message.ts"
import * as Position from "./Position.ts"
import { requestRead } from "./Reading.ts"
import { type State, send } from "./State.ts"
import { requestTransfer } from "./Transfer.ts"
import { becomeFollower } from "./Transitions.ts"

/** Takes in one message. */
export function step(state: State, message: Message): void {
  if (message._tag === "ReadIndex") {
    requestRead(state, message.request)
    return
  }
  if (message.term < state.term) {
    handleEarlierTerm(state, message)
    return
  }
  if (message.term > state.term) {
    const isCandidacy = message._tag === "PreVote" || message._tag === "Vote"
    const isTransfer = message._tag === "Vote" && message.isTransfer
    if (isCandidacy && !isTransfer && isLeaderHeard(state)) return
    enterLaterTerm(state, message)
  }
  dispatch(state, message)
}

/**
 * Most late messages are dropped. But a leader that was replaced without noticing is told, and so is
 * a pre-candidate: neither might learn of the later term in another way, since with these options
 * nobody enters a term just because a candidate asks. And what is committed is so in every term.
 */
function handleEarlierTerm(state: State, message: TermedMessage): void {
  const { id: from, options, term } = state
  const to = message.from
  switch (message._tag) {
    case "PreVote":
      refuse(state, "PreVoteResponse", to)
      break
    case "VoteResponse":
    case "PreVoteResponse":
      learnCommitted(state, message)
      break
    case "Append":
    case "Heartbeat":
      if (options.checkQuorum || options.preVote) {
        const index = Position.noIndex
        send(state, { _tag: "AppendResponse", from, to, term, index, rejectionHint: undefined })
      }
      break
  }
}

/** A later term makes a follower of everybody, except where it is only talked about. */
function enterLaterTerm(state: State, message: TermedMessage): void {
  switch (message._tag) {
    case "PreVote":
      break
    case "PreVoteResponse":
      if (!message.granted) becomeFollower(state, message.term, undefined)
      break
    case "Append":
    case "Heartbeat":
    case "InstallSnapshot":
      becomeFollower(state, message.term, message.from)
      break
    default:
      becomeFollower(state, message.term, undefined)
  }
}

function dispatch(state: State, message: TermedMessage): void {
  switch (message._tag) {
    case "Vote":
      handleVote(state, message)
      break
    case "PreVote":
      handlePreVote(state, message)
      break
    case "Append":
    case "Heartbeat":
    case "InstallSnapshot":
      follow(state, message)
      break
    case "TransferLeadership":
      requestTransfer(state, message.transferee)
      break
    case "VoteResponse":
    case "PreVoteResponse":
      learnCommitted(state, message)
      dispatchByRole(state, message)
      break
    default:
      dispatchByRole(state, message)
  }
}

/** Who leads in the current term has been elected: candidates of this term give up. */
function follow(state: State, message: Append | Heartbeat | InstallSnapshot): void {
  const { role } = state
  invariant(role._tag !== "Leader", "a term has one leader")
  if (role._tag === "Follower") {
    state.ticksSinceElection = 0
    role.leader = message.from
  } else {
    becomeFollower(state, message.term, message.from)
  }
  switch (message._tag) {
    case "Append":
      handleAppend(state, message)
      break
    case "Heartbeat":
      handleHeartbeat(state, message)
      break
    case "InstallSnapshot":
      handleInstallSnapshot(state, message)
      break
  }
}

/** Answers, and the call to take over, concern one role; anyone else has moved on. */
function dispatchByRole(state: State, message: TermedMessage): void {
  const { role } = state
  switch (role._tag) {
    case "Leader":
      if (message._tag === "AppendResponse") handleAppendResponse(state, role, message)
      if (message._tag === "HeartbeatResponse") handleHeartbeatResponse(state, role, message)
      break
    case "Candidate":
      if (message._tag === "VoteResponse") handleVoteResponse(state, role, message)
      break
    case "PreCandidate":
      if (message._tag === "PreVoteResponse") handlePreVoteResponse(state, role, message)
      break
    case "Follower":
      if (message._tag === "TimeoutNow") campaign(state, "transfer")
      if (message._tag === "ReadIndexResponse") {
        state.readStates.push({ index: message.index, requestId: message.requestId })
      }
      break
  }
}
