/**
 * May the cluster be changed so, and by which entry of the log (SPEC §15)?
 *
 * Decided by a leader from what it has applied and what it knows of the others; nothing here waits or
 * proposes. What must never happen: a change that leaves no majority in reach; a node that was wiped
 * taken for the member it was; a voter that has yet to receive the log.
 * Proof: `test/domain/members/Administration.test.ts`.
 */
import * as Result from "effect/Result"
import * as Endpoint from "../api/Endpoint.ts"
import type { Incarnation, LogIndex, MemberId, NodeName } from "../Ids.ts"
import type { Introduction } from "../peer/Introduction.ts"
import * as Membership from "../raft/Membership.ts"
import type { MembershipChange } from "../raft/MembershipChange.ts"
import * as Errors from "./Errors.ts"
import type { Member } from "./Member.ts"
import * as Members from "./Members.ts"

/** What the leader knows when it decides. */
export interface Facts {
  readonly members: Members.Members
  readonly self: MemberId
  readonly commit: LogIndex
  /** Up to where each member is known to have the log. */
  readonly matchOf: (id: MemberId) => LogIndex | undefined
  readonly isReachable: (id: MemberId) => boolean
  /** Are there DEKs, which every member must be able to use? */
  readonly isEncrypted: boolean
  /** Committed entries that a learner may lack when it is promoted. */
  readonly lagMax: number
}

export interface Proposal {
  readonly _tag: "Propose"
  readonly member: Member
  readonly change: MembershipChange
}

/** What is to be done; `Done` if it has been, and nothing is proposed. */
export type Step = Proposal | { readonly _tag: "Done"; readonly member: Member }

/** A node that is to be let in, and how it has introduced itself, if it has. */
export interface Newcomer {
  readonly nodeName: NodeName
  readonly address: Endpoint.Endpoint
  readonly introduction: Introduction | undefined
}

export type AddRefusal =
  | Errors.MemberNameTaken
  | Errors.MemberAddressTaken
  | Errors.NodeNotIntroduced
  | Errors.NodeAtAnotherAddress
  | Errors.PeerNotEncryptionCapable

/** Adds a learner; who is a member already, as this very node at this address, is `Done`. */
export function add(facts: Facts, newcomer: Newcomer): Result.Result<Step, AddRefusal> {
  const { introduction, nodeName } = newcomer
  const known = Members.memberOf(facts.members, nodeName)
  if (known !== undefined) {
    const difference = differenceOf(known, newcomer)
    if (difference === undefined) return Result.succeed({ _tag: "Done", member: known })
    return Result.fail(new Errors.MemberNameTaken({ nodeName, memberId: known.id, difference }))
  }
  const address = Endpoint.format(newcomer.address)
  const neighbour = [...facts.members.byId.values()].find((member) => isAt(member, address))
  if (neighbour !== undefined) {
    return Result.fail(new Errors.MemberAddressTaken({ address, nodeName: neighbour.nodeName }))
  }
  if (introduction === undefined) {
    return Result.fail(new Errors.NodeNotIntroduced({ nodeName, address }))
  }
  const introduced = Endpoint.format(introduction.address)
  if (introduced !== address) {
    return Result.fail(new Errors.NodeAtAnotherAddress({ nodeName, address, introduced }))
  }
  if (facts.isEncrypted && !introduction.hasKek) {
    return Result.fail(
      new Errors.PeerNotEncryptionCapable({ nodeName, reason: { _tag: "EncryptionOff" } })
    )
  }
  const id = facts.members.nextMemberId
  const { incarnation } = introduction
  const member: Member = { id, nodeName, incarnation, address: newcomer.address }
  return Result.succeed(propose(member, "addLearner", [member]))
}

export type PromoteRefusal = Errors.MemberUnknown | Errors.NotALearner | Errors.LearnerLagging

export const promote = (facts: Facts, nodeName: NodeName): Result.Result<Step, PromoteRefusal> =>
  Result.flatMap(named(facts, nodeName), (member): Result.Result<Step, PromoteRefusal> => {
    if (!isLearner(facts, member)) return Result.fail(new Errors.NotALearner({ nodeName }))
    const { lagMax } = facts
    const lag = lagOf(facts, member)
    if (lag > lagMax) return Result.fail(new Errors.LearnerLagging({ nodeName, lag, lagMax }))
    return Result.succeed(propose(member, "addVoter"))
  })

/** The end of an `add`: who was given its vote meanwhile, by another one or an operator, is `Done`. */
export const promoteAdded = (facts: Facts, member: Member): Result.Result<Step, PromoteRefusal> =>
  isLearner(facts, member)
    ? promote(facts, member.nodeName)
    : Result.succeed({ _tag: "Done", member })

export type RemoveRefusal = Errors.MemberUnknown | Errors.LastVoter | Errors.QuorumWouldBeLost

export const remove = (facts: Facts, nodeName: NodeName): Result.Result<Proposal, RemoveRefusal> =>
  Result.flatMap(named(facts, nodeName), (member): Result.Result<Proposal, RemoveRefusal> => {
    const { configuration } = facts.members
    if (!Membership.isVoter(configuration, member.id)) {
      return Result.succeed(propose(member, "remove"))
    }
    const left = configuration.voters.filter((id) => id !== member.id)
    if (left.length === 0) return Result.fail(new Errors.LastVoter({ nodeName }))
    const reachableCount = left.filter((id) => id === facts.self || facts.isReachable(id)).length
    if (reachableCount <= left.length / 2) {
      const voterCount = left.length
      return Result.fail(new Errors.QuorumWouldBeLost({ nodeName, voterCount, reachableCount }))
    }
    return Result.succeed(propose(member, "remove"))
  })

export type TransferRefusal = Errors.MemberUnknown | Errors.NotAVoter

/** Whom to hand the leadership to. */
export const transferee = (
  facts: Facts,
  nodeName: NodeName
): Result.Result<Member, TransferRefusal> =>
  Result.flatMap(
    named(facts, nodeName),
    (member): Result.Result<Member, TransferRefusal> =>
      isLearner(facts, member)
        ? Result.fail(new Errors.NotAVoter({ nodeName }))
        : Result.succeed(member)
  )

/** Committed entries that the member is not known to have. */
export const lagOf = ({ commit, matchOf }: Facts, { id }: Pick<Member, "id">): number =>
  Math.max(0, commit - (matchOf(id) ?? 0))

export const isLearner = (
  { members }: Pick<Facts, "members">,
  { id }: Pick<Member, "id">
): boolean => !Membership.isVoter(members.configuration, id)

const named = (
  { members }: Facts,
  nodeName: NodeName
): Result.Result<Member, Errors.MemberUnknown> => {
  const member = Members.memberOf(members, nodeName)
  if (member !== undefined) return Result.succeed(member)
  const names = [...members.byId.values()].map((known) => known.nodeName)
  return Result.fail(new Errors.MemberUnknown({ nodeName, members: names }))
}

/** A node that says nothing new of itself is the member of its name. */
function differenceOf(
  member: Member,
  { address, introduction }: Newcomer
): Errors.MemberNameTaken["difference"] | undefined {
  const incarnation: Incarnation | undefined = introduction?.incarnation
  if (incarnation !== undefined && incarnation !== member.incarnation) return "incarnation"
  return isAt(member, Endpoint.format(address)) ? undefined : "address"
}

const isAt = ({ address }: Member, text: string): boolean =>
  address !== undefined && Endpoint.format(address) === text

const propose = (
  member: Member,
  action: "addLearner" | "addVoter" | "remove",
  described: ReadonlyArray<Member> = []
): Proposal => ({
  _tag: "Propose",
  member,
  change: Members.changeOf(
    { transition: "auto", steps: [{ action, member: member.id }] },
    described
  )
})
