/**
 * The logical clock (Raft thesis §3.4, §6.2). How long a tick is, is the driver's matter.
 */
import { campaign } from "./Election.ts"
import * as Quorum from "./Quorum.ts"
import { broadcastHeartbeat } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { isPromotable, type State, votersOf } from "./State.ts"
import { becomeFollower } from "./Transitions.ts"

/** Counts one tick; a time-out that ends with it is acted upon. */
export function tick(state: State): void {
  if (state.role._tag === "Leader") tickLeader(state, state.role)
  else tickOther(state)
}

function tickOther(state: State): void {
  state.electionTimeoutTicks ??= state.options.randomizedElectionTicks()
  state.ticksSinceElection++
  if (!isPromotable(state) || state.ticksSinceElection < state.electionTimeoutTicks) return
  state.ticksSinceElection = 0
  campaign(state, "timeout")
}

function tickLeader(state: State, leader: Leader): void {
  const { electionTicks, heartbeatTicks } = state.options
  leader.ticksSinceHeartbeat++
  state.ticksSinceElection++
  if (state.ticksSinceElection >= electionTicks) {
    state.ticksSinceElection = 0
    leader.transferee = undefined
    if (state.options.checkQuorum && !isQuorumActive(state, leader)) {
      becomeFollower(state, state.term, undefined)
      return
    }
  }
  if (leader.ticksSinceHeartbeat < heartbeatTicks) return
  leader.ticksSinceHeartbeat = 0
  broadcastHeartbeat(state, leader)
}

/** Has a quorum answered since this was last asked? The count starts anew. */
function isQuorumActive(state: State, leader: Leader): boolean {
  const active = new Map(
    [...leader.progress].map(([id, progress]) => [id, progress.isRecentlyActive])
  )
  for (const [id, progress] of leader.progress) {
    if (id !== state.id) progress.isRecentlyActive = false
  }
  return Quorum.voteResult(votersOf(state), active) === "won"
}
