/**
 * The members of the group in the replicated state: the configuration, and who each number is
 * (SPEC §8, §15).
 *
 * Immutable, and computed from the log alone, so that every replica has the same at the same index.
 * What must never happen here: a number given to a second node, one name for two members, a
 * configuration other than the one the Raft core computes from the same entry.
 * Proof: `test/domain/members/Members.test.ts`.
 */
import type { MemberId, NodeName } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Membership from "../raft/Membership.ts"
import * as MembershipChange from "../raft/MembershipChange.ts"
import type { Member } from "./Member.ts"
import * as MembersContext from "./MembersContext.ts"

/**
 * **Invariants** (1) `byId` has exactly the members of the configuration, in ascending order; (2) no
 * two of them have one name or one incarnation; (3) every id that was ever given is below
 * `nextMemberId`.
 */
export interface Members {
  readonly configuration: Membership.Membership
  readonly byId: ReadonlyMap<MemberId, Member>
  readonly nextMemberId: MemberId
}

/** Before the founding. */
export const empty: Members = {
  configuration: Membership.empty,
  byId: new Map(),
  nextMemberId: 1 as MemberId
}

/**
 * Why a committed change has no effect: the core's reasons, and
 * - `malformedContext`: its members cannot be read;
 * - `memberNotDescribed`: it adds or updates a number and does not say who that is;
 * - `memberIdUsed`: the number was given before;
 * - `memberTaken`: another member has that name or incarnation.
 */
export type RefusedReason =
  | MembershipChange.Refusal
  | "malformedContext"
  | "memberNotDescribed"
  | "memberIdUsed"
  | "memberTaken"

/** What a committed change did. */
export type MembershipOutcome =
  | { readonly _tag: "Changed"; readonly configuration: Membership.Membership }
  | { readonly _tag: "Refused"; readonly reason: RefusedReason }

export const memberOf = (members: Members, nodeName: NodeName): Member | undefined =>
  [...members.byId.values()].find((member) => member.nodeName === nodeName)

/** A change with the description of those it adds or updates. */
export const changeOf = (
  change: Pick<MembershipChange.MembershipChange, "steps" | "transition">,
  described: ReadonlyArray<Member>
): MembershipChange.MembershipChange => ({ ...change, context: MembersContext.encode(described) })

/** The founding of a cluster: one change for each of its first voters, in order. */
export const founding = (
  voters: ReadonlyArray<Member>
): ReadonlyArray<MembershipChange.MembershipChange> =>
  voters.map((voter) =>
    changeOf({ transition: "auto", steps: [{ action: "addVoter", member: voter.id }] }, [voter])
  )

/** The change that the Raft core is to make as well; none if the state has refused it. */
export function effective(
  data: Uint8Array,
  outcome: MembershipOutcome
): MembershipChange.MembershipChange | undefined {
  if (outcome._tag === "Refused") return undefined
  const change = MembershipChange.decode(data)
  invariant(change !== undefined, "a change of the membership that was applied can be decoded")
  return change
}

/** Applies a committed change, whole or not at all. */
export function apply(
  members: Members,
  change: MembershipChange.MembershipChange
): { readonly outcome: MembershipOutcome; readonly members: Members } {
  const refused = (reason: RefusedReason) => ({
    outcome: { _tag: "Refused", reason } as const,
    members
  })
  const described = MembersContext.decode(change.context)
  if (described === undefined) return refused("malformedContext")
  const changed = MembershipChange.apply(members.configuration, change)
  if (changed._tag === "Refused") return refused(changed.reason)
  const rows = new Map(members.byId)
  for (const { action, member: id } of change.steps) {
    if (id === 0 || action === "remove") continue
    const description = described.find((member) => member.id === id)
    const reason = descriptionRefusalOf(members, rows, id, description, action === "update")
    if (reason !== undefined) return refused(reason)
    if (description !== undefined) rows.set(id, description)
  }
  const { membership: configuration } = changed
  const byId = new Map<MemberId, Member>()
  for (const id of Membership.allMembers(configuration)) byId.set(id, rows.get(id)!)
  const nextMemberId = Math.max(members.nextMemberId, ...[...byId.keys()].map((id) => id + 1))
  return {
    outcome: { _tag: "Changed", configuration },
    members: { configuration, byId, nextMemberId: nextMemberId as MemberId }
  }
}

/** May this member be described so? Of a known one only the address may change. */
function descriptionRefusalOf(
  { nextMemberId }: Members,
  rows: ReadonlyMap<MemberId, Member>,
  id: MemberId,
  description: Member | undefined,
  isUpdate: boolean
): RefusedReason | undefined {
  const known = rows.get(id)
  if (description === undefined) {
    return known === undefined || isUpdate ? "memberNotDescribed" : undefined
  }
  if (known === undefined && isUpdate) return "memberNotDescribed"
  if (known === undefined && id < nextMemberId) return "memberIdUsed"
  const isTaken = [...rows.values()].some(
    (other) =>
      other.id !== id &&
      (other.nodeName === description.nodeName || other.incarnation === description.incarnation)
  )
  const isOther =
    known !== undefined &&
    (known.nodeName !== description.nodeName || known.incarnation !== description.incarnation)
  return isTaken || isOther ? "memberTaken" : undefined
}
