/**
 * What applying does to the core: cursors move, and the configuration changes (Raft thesis §4).
 *
 * A configuration counts from the moment its entry is applied, not appended: the driver decides when,
 * and no second change is proposed before (SPEC §15).
 * Proof: `Reconfiguration.test.ts`.
 */
import type { LogIndex, MemberId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { Entry } from "./Entry.ts"
import { dataBytesOf } from "./Entry.ts"
import * as Membership from "./Membership.ts"
import * as MembershipChange from "./MembershipChange.ts"
import * as Position from "./Position.ts"
import { Progress } from "./Progress.ts"
import { propose } from "./Proposing.ts"
import { broadcastAppend, tryCommit, trySendAppend } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { forEachPeer, type State } from "./State.ts"
import { becomeFollower } from "./Transitions.ts"

/** Makes a committed change effective at this member. */
export function applyMembershipChange(
  state: State,
  change: MembershipChange.MembershipChange
): Membership.Membership {
  const changed = MembershipChange.apply(state.membership, change)
  invariant(changed._tag === "Changed", "a change that cannot be made is never proposed")
  state.membership = changed.membership
  if (state.role._tag === "Leader") lead(state, state.role, changed.joined)
  return changed.membership
}

/** Goes on leading the new configuration, or steps down if it has no place in it. */
function lead(state: State, leader: Leader, joined: ReadonlyArray<MemberId>): void {
  const { membership } = state
  leader.progress = trackMembers(leader.progress, {
    members: Membership.allMembers(membership),
    joined,
    lastIndex: state.log.lastIndex,
    limits: {
      messagesMax: state.options.inflightMessagesMax,
      bytesMax: state.options.inflightBytesMax
    }
  })
  // Without the option it leads on, counting only the others, until they elect one of them.
  if (state.options.stepDownOnRemoval && !Membership.isVoter(membership, state.id)) {
    becomeFollower(state, state.term, undefined)
    return
  }
  if (tryCommit(state, leader)) {
    broadcastAppend(state, leader)
  } else {
    forEachPeer(state, leader, (peer) => {
      trySendAppend(state, leader, peer, { evenIfEmpty: false })
    })
  }
  const { transferee } = leader
  if (transferee !== undefined && !Membership.isVoter(membership, transferee)) {
    leader.transferee = undefined
  }
}

/**
 * One progress per member, in the order of their ids. A member that joined is probed from the end of
 * the leader's log; it counts as active, so that its arrival does not cost the leader its quorum.
 */
export function trackMembers(
  progress: ReadonlyMap<MemberId, Progress>,
  now: {
    readonly members: ReadonlyArray<MemberId>
    readonly joined: ReadonlyArray<MemberId>
    readonly lastIndex: LogIndex
    readonly limits: { readonly messagesMax: number; readonly bytesMax: number }
  }
): ReadonlyMap<MemberId, Progress> {
  const joined = new Set(now.joined)
  return new Map(
    now.members.map((id) => {
      const known = joined.has(id) ? undefined : progress.get(id)
      return [id, known ?? joinedProgress(now)]
    })
  )
}

const joinedProgress = (now: {
  readonly lastIndex: LogIndex
  readonly limits: { readonly messagesMax: number; readonly bytesMax: number }
}): Progress =>
  new Progress({
    match: Position.noIndex,
    next: Position.larger(now.lastIndex, Position.after(Position.noIndex)),
    isRecentlyActive: true,
    limits: now.limits
  })

/** The driver has applied these entries: room for proposals, and perhaps a joint state to leave. */
export function entriesApplied(state: State, entries: ReadonlyArray<Entry>): void {
  const last = entries.at(-1)
  if (last === undefined) return
  appliedThrough(state, last.index)
  if (state.role._tag !== "Leader") return
  const { uncommittedBytes } = state.role
  state.role.uncommittedBytes = Math.max(0, uncommittedBytes - dataBytesOf(entries))
}

/** The driver has installed the snapshot, and with it applied all it stands for. */
export function snapshotInstalled(state: State, index: LogIndex): void {
  state.log.snapshotInstalled(index)
  appliedThrough(state, index)
}

/**
 * Leaves a joint configuration that asks for it, once nothing is pending. A refusal (a transfer of
 * the leadership may be in progress) is no harm: the next entry that is applied asks again.
 */
function appliedThrough(state: State, index: LogIndex): void {
  const { log, membership, role } = state
  log.appliedThrough(Position.larger(index, log.applied))
  if (role._tag !== "Leader" || !membership.autoLeave) return
  if (log.applied < role.membershipPendingUntil) return
  propose(state, [{ kind: "membership", data: MembershipChange.encode(MembershipChange.leaving) }])
}
