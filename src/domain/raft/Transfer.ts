/**
 * Handing the leadership over (Raft thesis §3.10).
 *
 * The leader stops accepting proposals, brings the transferee up to date and lets it campaign. If
 * that has not happened within an election time-out the leader goes on as before.
 * Proof: `Transfer.test.ts`.
 */
import type { MemberId } from "../Ids.ts"
import { sendTimeoutNow } from "./Acknowledgement.ts"
import * as Membership from "./Membership.ts"
import { sendAppend } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { type State, send } from "./State.ts"

/** Asks the leader, wherever it is. A candidate asks nobody. */
export function requestTransfer(state: State, transferee: MemberId): void {
  const { role } = state
  if (role._tag === "Leader") {
    handleTransfer(state, role, transferee)
  } else if (role._tag === "Follower" && role.leader !== undefined) {
    const { id: from, term } = state
    send(state, { _tag: "TransferLeadership", from, to: role.leader, term, transferee })
  }
}

/** A later request replaces an earlier one; one for the leader itself only ends an earlier one. */
function handleTransfer(state: State, leader: Leader, transferee: MemberId): void {
  const progress = leader.progress.get(transferee)
  if (progress === undefined || Membership.isLearner(state.membership, transferee)) return
  if (leader.transferee === transferee) return
  leader.transferee = undefined
  if (transferee === state.id) return
  state.ticksSinceElection = 0
  leader.transferee = transferee
  if (progress.match === state.log.lastIndex) sendTimeoutNow(state, transferee)
  else sendAppend(state, leader, transferee)
}
