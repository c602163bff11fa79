/**
 * How entries get into a leader's log (Raft thesis §3.5, SPEC §10).
 *
 * A batch is appended whole or not at all, and a refused one leaves no trace.
 * Proof: `Proposing.test.ts`.
 */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { Entry, EntryKind } from "./Entry.ts"
import * as Membership from "./Membership.ts"
import * as MembershipChange from "./MembershipChange.ts"
import * as Position from "./Position.ts"
import { appendOwn, broadcastAppend } from "./Replication.ts"
import type { Leader } from "./Role.ts"
import { leaderOf, type State } from "./State.ts"

/**
 * An entry to be. As a function, `data` is called exactly once, when nothing can refuse the batch
 * any more and the position is final, in the order of the batch: a payload is sealed there with its
 * term and index. If it throws, the core is as before. A `membership` draft carries bytes, those of
 * `MembershipChange.encode`.
 */
export interface Draft {
  readonly kind: EntryKind
  readonly data: Uint8Array | ((position: Position.Position) => Uint8Array)
}

/** The entries got the indexes `[from, until)` in `term`. They may still be replaced. */
export interface Appended {
  readonly _tag: "Appended"
  readonly term: Term
  readonly from: LogIndex
  readonly until: LogIndex
}

/** Ask `leader`, if known. */
export interface NotLeader {
  readonly _tag: "NotLeader"
  readonly leader: MemberId | undefined
}

/** This leader was removed from the group, and leads only until the others elect another. */
export interface NotMember {
  readonly _tag: "NotMember"
}

/** The leadership is being handed over; ask again after an election time-out. */
export interface TransferInProgress {
  readonly _tag: "TransferInProgress"
  readonly transferee: MemberId
}

/** Too much is waiting to be committed and applied; ask again later. */
export interface UncommittedTooLarge {
  readonly _tag: "UncommittedTooLarge"
  readonly uncommittedBytes: number
  readonly uncommittedBytesMax: number
}

/**
 * A change of the membership that cannot be made now: `pending` means that another one is, or may
 * be, in the log and not applied yet; `malformed` that the data is no change at all.
 */
export interface MembershipChangeRefused {
  readonly _tag: "MembershipChangeRefused"
  readonly reason: "malformed" | "pending" | MembershipChange.Refusal
}

export type Rejected =
  | NotLeader
  | NotMember
  | TransferInProgress
  | UncommittedTooLarge
  | MembershipChangeRefused

export type Proposed = Appended | Rejected

/** Appends a batch and sends it to the members. */
export function propose(state: State, drafts: ReadonlyArray<Draft>): Proposed {
  invariant(drafts.length > 0, "a batch has at least one entry")
  const leader = state.role
  if (leader._tag !== "Leader") return { _tag: "NotLeader", leader: leaderOf(state) }
  if (!leader.progress.has(state.id)) return { _tag: "NotMember" }
  const { transferee } = leader
  if (transferee !== undefined) return { _tag: "TransferInProgress", transferee }
  const membershipIndex = checkMembershipChanges(state, leader, drafts)
  if (typeof membershipIndex === "object") return membershipIndex
  const tooLarge = checkQuota(state, leader, drafts)
  if (tooLarge !== undefined) return tooLarge
  const from = Position.after(state.log.lastIndex)
  const entries = drafts.map((draft, offset) =>
    toEntry(draft, { term: state.term, index: Position.plus(from, offset) })
  )
  leader.membershipPendingUntil = membershipIndex
  appendOwn(state, leader, entries)
  broadcastAppend(state, leader)
  return { _tag: "Appended", term: state.term, from, until: Position.plus(from, drafts.length) }
}

function toEntry({ data, kind }: Draft, position: Position.Position): Entry {
  const { index, term } = position
  return { term, index, kind, data: typeof data === "function" ? data(position) : data }
}

/**
 * The quota bounds what a leader may pile up that nobody commits. With an empty pile any batch may
 * come. The length of what a function makes is not known yet: it counts as one byte here and in full
 * later, so the pile may pass the quota by one batch.
 */
function checkQuota(
  { options }: State,
  { uncommittedBytes }: Leader,
  drafts: ReadonlyArray<Draft>
): UncommittedTooLarge | undefined {
  let bytes = 0
  for (const { data } of drafts) bytes += typeof data === "function" ? 1 : data.length
  const { uncommittedBytesMax } = options
  const isTooLarge =
    uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > uncommittedBytesMax
  return isTooLarge
    ? { _tag: "UncommittedTooLarge", uncommittedBytes, uncommittedBytesMax }
    : undefined
}

/**
 * The index up to which changes are pending once this batch is appended, or why it is refused. What
 * is accepted here can be made when it is applied: nothing changes the configuration in between.
 */
function checkMembershipChanges(
  { log, membership }: State,
  { membershipPendingUntil }: Leader,
  drafts: ReadonlyArray<Draft>
): LogIndex | MembershipChangeRefused {
  let pendingUntil = membershipPendingUntil
  let index = log.lastIndex
  for (const { data, kind } of drafts) {
    index = Position.after(index)
    if (kind !== "membership") continue
    invariant(typeof data !== "function", "a change of the membership is never sealed")
    const change = MembershipChange.decode(data)
    if (change === undefined) return refused("malformed")
    if (pendingUntil > log.applied) return refused("pending")
    const isEmpty = change.steps.length === 0
    if (isEmpty && !Membership.isJoint(membership)) return refused("notJoint")
    const changed = MembershipChange.apply(membership, change)
    if (changed._tag === "Refused") return refused(changed.reason)
    pendingUntil = index
  }
  return pendingUntil
}

const refused = (reason: MembershipChangeRefused["reason"]): MembershipChangeRefused => ({
  _tag: "MembershipChangeRefused",
  reason
})
