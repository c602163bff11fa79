/**
 * What a follower does with what its leader sends (Raft thesis §3.5, §5).
 *
 * What must never happen: an acknowledgement of an entry that is not in the log, or a commit index
 * beyond what is known to agree with the leader's. Proof: `paper.test.ts`, `Simulation.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import * as Membership from "./Membership.ts"
import type { Append, Heartbeat, InstallSnapshot } from "./Message.ts"
import * as Position from "./Position.ts"
import type { Snapshot } from "./Snapshot.ts"
import { type State, send } from "./State.ts"

export function handleAppend(state: State, message: Append): void {
  const { log } = state
  const { entries, previous } = message
  if (previous.index < log.committed) {
    acknowledge(state, message, log.committed)
    return
  }
  const last = log.appendAfter(previousOf(state, message), entries)
  if (last === undefined) {
    reject(state, message)
    return
  }
  if (state.plantedBug === "cutsBehindAppend") cutBehind(state, message)
  // An append proves agreement up to its own last entry; what follows in this log may be stale.
  log.commitThrough(Position.smaller(message.commit, last))
  acknowledge(state, message, last)
}

export function handleHeartbeat(state: State, message: Heartbeat): void {
  state.log.commitThrough(message.commit)
  send(state, {
    _tag: "HeartbeatResponse",
    from: state.id,
    to: message.from,
    term: state.term,
    readPosition: message.readPosition
  })
}

/** Installs a snapshot, or says what it holds already. */
export function handleInstallSnapshot(state: State, message: InstallSnapshot): void {
  const { log } = state
  const isRestored = tryRestore(state, message.snapshot)
  acknowledge(state, message, isRestored ? log.lastIndex : log.committed)
}

/** False if the snapshot is old, is not for this member, or brings nothing the log does not hold. */
function tryRestore(state: State, snapshot: Snapshot): boolean {
  const { log } = state
  if (snapshot.index <= log.committed) return false
  if (!Membership.isMember(snapshot.membership, state.id)) return false
  if (log.matches(snapshot) && state.plantedBug !== "snapshotLosesTail") {
    log.commitThrough(snapshot.index)
    return false
  }
  log.restore(snapshot)
  state.membership = snapshot.membership
  return true
}

function acknowledge(state: State, message: Append | InstallSnapshot, index: LogIndex): void {
  const { id: from, term } = state
  const to = message.from
  send(state, { _tag: "AppendResponse", from, to, term, index, rejectionHint: undefined })
}

/** Names the last position that may agree, so that the leader skips what cannot. */
function reject(state: State, { from: leader, previous }: Append): void {
  const { id: from, log, term } = state
  const rejectionHint = log.lastAgreement({
    term: previous.term,
    index: Position.smaller(previous.index, log.lastIndex)
  })
  send(state, {
    _tag: "AppendResponse",
    from,
    to: leader,
    term,
    index: previous.index,
    rejectionHint
  })
}

/** The previous position to look for; the planted bug takes whatever entry has its index. */
function previousOf(state: State, { previous }: Append): Position.Position {
  if (state.plantedBug !== "appendsWithoutMatch") return previous
  return { term: state.log.term(previous.index) ?? previous.term, index: previous.index }
}

/** The planted bug: the append is taken for the whole rest of the log. */
function cutBehind(state: State, { entries }: Append): void {
  const last = entries.at(-1)
  if (last !== undefined && last.index > state.log.committed) state.log.append([last])
}
