/**
 * Linearizable reads without a log entry (Raft thesis §6.4).
 *
 * A leader answers with its commit index as it was when asked, after a quorum has confirmed that it
 * still led then. Before its first commit in its term it does not know the commit index, so earlier
 * reads wait; also in a group of one, whose commit index a crash may have set back. Proof: `Reading.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import * as Membership from "./Membership.ts"
import type { HeartbeatResponse, ReadRequest } from "./Message.ts"
import { broadcastHeartbeat } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { hasCommittedInTerm, type State, send } from "./State.ts"

/** Answers a read, or asks on. False if it is dropped because no leader is known. */
export function requestRead(state: State, request: ReadRequest): boolean {
  const { role } = state
  if (role._tag === "Leader") {
    handleRead(state, role, request)
    return true
  }
  if (role._tag !== "Follower" || role.leader === undefined) return false
  send(state, { _tag: "ReadIndex", from: state.id, to: role.leader, request })
  return true
}

function handleRead(state: State, leader: Leader, request: ReadRequest): void {
  if (state.plantedBug === "readsWithoutQuorum") answer(state, request, state.log.committed)
  else if (hasCommittedInTerm(state)) serve(state, leader, request)
  else leader.earlyReads.push(request)
}

/** Called after a commit: it may have been the first of the term. */
export function releaseEarlyReads(state: State, leader: Leader): void {
  if (leader.earlyReads.length === 0 || !hasCommittedInTerm(state)) return
  const requests = leader.earlyReads
  leader.earlyReads = []
  for (const request of requests) serve(state, leader, request)
}

/** Who is the only voter needs nobody's word; any other leader asks for it. */
function serve(state: State, leader: Leader, request: ReadRequest): void {
  const index = state.log.committed
  if (Membership.isAlone(state.membership, state.id)) {
    answer(state, request, index)
    return
  }
  leader.reads.add({ request, index })
  leader.reads.acknowledge(state.id, leader.reads.position)
  broadcastHeartbeat(state, leader)
}

/** A member has confirmed the leader, and with it all reads up to the position it names. */
export function confirmReads(state: State, leader: Leader, message: HeartbeatResponse): void {
  if (message.readPosition === 0) return
  leader.reads.acknowledge(message.from, message.readPosition)
  for (const { index, request } of leader.reads.takeConfirmed(state.membership)) {
    answer(state, request, index)
  }
}

function answer(state: State, { requestId, requester }: ReadRequest, index: LogIndex): void {
  if (requester === state.id) {
    state.readStates.push({ index, requestId })
  } else {
    const { id: from, term } = state
    send(state, { _tag: "ReadIndexResponse", from, to: requester, term, index, requestId })
  }
}
