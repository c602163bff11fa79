/**
 * What a change of the membership does to this node: to its core, to its transport, and to whether it
 * has anything left to do here (SPEC §15).
 *
 * A configuration counts once it is applied, in the core as in the state. What must never happen: a core
 * with another configuration than the applied state; a campaign of a node that is no sole voter before
 * its time. Proof: `test/simulation/Simulation.test.ts`, `test/layers/RaftEngineCluster.test.ts`.
 */
import * as Effect from "effect/Effect"
import {
  MembershipChangeRefused,
  MembershipOutcomeUnknown,
  NodeStopped,
  NotLeader
} from "../domain/engine/Errors.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { LogIndex, MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { Member } from "../domain/members/Member.ts"
import type { MembershipOutcome } from "../domain/members/Members.ts"
import * as Members from "../domain/members/Members.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Membership from "../domain/raft/Membership.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import type { Applier } from "../services/Applier.ts"
import type { Opening } from "../services/Opening.ts"
import type { ChangeMembershipFailure, MembershipApplied } from "../services/RaftEngine.ts"
import type { Telemetry } from "../services/Telemetry.ts"
import type { Peer, Transport } from "../services/Transport.ts"

export interface Parts {
  readonly raft: Raft
  readonly applier: Applier["Service"]
  readonly opening: Opening["Service"]
  readonly telemetry: Telemetry["Service"]
  readonly transport: Transport["Service"]
}

export class RaftEngineMembers {
  private readonly parts: Parts
  /** Changes of this round, to be told of when it is over. */
  private hasChanged = false
  private wasRemoved: boolean

  constructor(parts: Parts) {
    this.parts = parts
    this.wasRemoved = this.isRemoved
  }

  /**
   * Was this node a member, and is none any more? One that is about to join is not removed: its id is
   * one that the members it knows of do not know yet.
   */
  get isRemoved(): boolean {
    const { applier, opening } = this.parts
    const { byId, nextMemberId } = applier.members
    return opening.memberId < nextMemberId && !byId.has(opening.memberId)
  }

  /** At start: whom to talk to, and whether there is anybody to wait for. */
  begin(): void {
    this.setPeers()
    this.campaignIfAlone()
  }

  /** The change is applied to the state; between `ready` and `advance`. */
  applied({ data, index }: Entry, outcome: MembershipOutcome): void {
    const change = Members.effective(data, outcome)
    if (change === undefined) return
    const membership = this.parts.raft.applyMembershipChange(change)
    this.hasChanged = true
    this.parts.telemetry.report({
      _tag: "MembershipChanged",
      index,
      voterCount: Membership.allVoters(membership).length,
      learnerCount: membership.learners.length,
      isJoint: Membership.isJoint(membership)
    })
  }

  /** A snapshot has brought the members, to the core as well. */
  restored(): void {
    this.hasChanged = true
  }

  /**
   * The round is over. Only now, because a member that is removed is still sent, in the round that
   * removes it, the commit index by which it learns so.
   */
  settle(): void {
    if (!this.hasChanged) return
    this.hasChanged = false
    this.setPeers()
    if (this.isRemoved && !this.wasRemoved) {
      const { index } = this.parts.applier.position
      this.parts.telemetry.report({ _tag: "Removed", index })
    }
    this.wasRemoved = this.isRemoved
    this.campaignIfAlone()
  }

  private setPeers(): void {
    const { applier, opening, transport } = this.parts
    const { byId, nextMemberId } = applier.members
    transport.setPeers(peersOf(byId.values(), opening.memberId), { nextMemberId })
  }

  /** Nobody else's vote is needed, so nothing is waited for. */
  private campaignIfAlone(): void {
    const { raft } = this.parts
    const { id, membership, role } = raft.status()
    if (role === "Follower" && Membership.isAlone(membership, id)) raft.campaign()
  }
}

/** Everybody else who can be reached. */
const peersOf = (members: Iterable<Member>, self: MemberId): ReadonlyArray<Peer> =>
  [...members].flatMap(({ address, id, incarnation, nodeName }) =>
    id === self || address === undefined ? [] : [{ id, nodeName, incarnation, address }]
  )

/** What the asker of a change is told by the first event: the first one ends its wait. */
export function changeAnswer(
  index: LogIndex,
  event: ProposalEvent
): Effect.Effect<MembershipApplied, ChangeMembershipFailure> {
  switch (event._tag) {
    case "Applied":
      invariant(event.outcome._tag === "Membership", "a change has the outcome of one")
      return event.outcome.outcome._tag === "Refused"
        ? Effect.fail(new MembershipChangeRefused({ reason: event.outcome.outcome.reason }))
        : Effect.succeed({ index, configuration: event.outcome.outcome.configuration })
    case "TermLeft":
    case "Covered":
      return Effect.fail(new MembershipOutcomeUnknown({ index }))
    case "Superseded":
      return Effect.fail(new NotLeader({ leader: undefined }))
    case "Stopped":
      return Effect.fail(new NodeStopped({ reason: event.reason }))
  }
}
