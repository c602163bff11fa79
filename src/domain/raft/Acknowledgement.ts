/**
 * What a leader learns from the answers of its members (Raft thesis §3.5, §10.2.1).
 *
 * What must never happen: an acknowledgement counted that was made in another term; `Step.ts` drops
 * those before they come here. Proof: `paper.test.ts`, `Simulation.test.ts`.
 */
import type { MemberId } from "../Ids.ts"
import type { AppendResponse, HeartbeatResponse } from "./Message.ts"
import * as Position from "./Position.ts"
import type { Progress } from "./Progress.ts"
import { confirmReads, releaseEarlyReads } from "./Reading.ts"
import { broadcastAppend, sendAllAppends, sendAppend, tryCommit } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { type State, send } from "./State.ts"

export function handleAppendResponse(state: State, leader: Leader, message: AppendResponse): void {
  const progress = leader.progress.get(message.from)
  if (progress === undefined) return
  progress.isRecentlyActive = true
  if (message.rejectionHint !== undefined) {
    handleRejection(state, leader, progress, message, message.rejectionHint)
    return
  }
  const isProbed = progress.flow._tag === "Probe" && progress.match === message.index
  if (progress.matched(message.index) || isProbed) handleMatch(state, leader, progress, message)
}

/** Probes again, further back; both ends skip the terms that cannot agree. */
function handleRejection(
  state: State,
  leader: Leader,
  progress: Progress,
  { from, index }: AppendResponse,
  hint: Position.Position
): void {
  const next = hint.term > 0 ? state.log.lastAgreement(hint).index : hint.index
  if (!progress.rejected(index, next)) return
  if (progress.flow._tag === "Replicate") progress.becomeProbe()
  sendAppend(state, leader, from)
}

/** Takes note of what the member holds, commits what a quorum holds, and goes on sending. */
function handleMatch(
  state: State,
  leader: Leader,
  progress: Progress,
  { from, index }: AppendResponse
): void {
  updateFlow(state, progress, index)
  const isPeer = from !== state.id
  if (tryCommit(state, leader)) {
    releaseEarlyReads(state, leader)
    broadcastAppend(state, leader)
  } else if (isPeer && progress.canLearnCommit(state.log.committed)) {
    sendAppend(state, leader, from)
  }
  if (!isPeer) return
  sendAllAppends(state, leader, from)
  if (from === leader.transferee && progress.match === state.log.lastIndex) {
    sendTimeoutNow(state, from)
  }
}

function updateFlow(state: State, progress: Progress, index: AppendResponse["index"]): void {
  const { flow } = progress
  switch (flow._tag) {
    case "Probe":
      progress.becomeReplicate()
      break
    case "Replicate":
      flow.inflights.freeThrough(index)
      break
    case "Snapshot":
      // Whatever brought it there: once the log reaches it, the log takes over.
      if (Position.after(progress.match) >= state.log.firstIndex) {
        progress.becomeProbe()
        progress.becomeReplicate()
      }
      break
  }
}

/** The member is alive: it is sent what it lacks, and its word confirms the reads that wait. */
export function handleHeartbeatResponse(
  state: State,
  leader: Leader,
  message: HeartbeatResponse
): void {
  const progress = leader.progress.get(message.from)
  if (progress === undefined) return
  progress.isRecentlyActive = true
  progress.resume()
  if (progress.match < state.log.lastIndex || progress.flow._tag === "Probe") {
    sendAppend(state, leader, message.from)
  }
  confirmReads(state, leader, message)
}

/** What was sent ahead to this member is probably lost. */
export function handleUnreachable(leader: Leader, peer: MemberId): void {
  const progress = leader.progress.get(peer)
  if (progress?.flow._tag === "Replicate") progress.becomeProbe()
}

/** The stream of a snapshot ended; whether the member took it in, it says itself. */
export function handleSnapshotReport(leader: Leader, peer: MemberId, isDelivered: boolean): void {
  const progress = leader.progress.get(peer)
  if (progress?.flow._tag === "Snapshot") progress.snapshotReported(isDelivered)
}

/** Lets a member that holds the whole log campaign at once (thesis §3.10). */
export function sendTimeoutNow(state: State, to: MemberId): void {
  send(state, { _tag: "TimeoutNow", from: state.id, to, term: state.term })
}
