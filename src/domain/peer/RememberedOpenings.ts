/**
 * Which peers' openings a node remembers, so that they are bounded (SPEC §3).
 *
 * Who says that it is a newer member than this node knows is believed so far as to be heard, and its
 * opening must be kept before. Anybody can say so, under a new incarnation each time: so only a few
 * *strangers* are remembered, those that are no members as far as this node knows. What must never
 * happen here: a member's opening forgotten, or a stranger's to make room for another that is heard
 * now, since its disk could go back unnoticed. Proof: `RememberedOpenings.test.ts`.
 */
import * as Result from "effect/Result"
import type { Incarnation, MemberId } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import { PeerOpeningsFull } from "./Errors.ts"
import type { SeenOpening } from "./Handshake.ts"

export type Openings = ReadonlyMap<Incarnation, SeenOpening>

/** The members that this node knows. */
export interface KnownMembers {
  readonly incarnations: ReadonlySet<Incarnation>
  /** No id below it will be given again. */
  readonly nextMemberId: MemberId
}

/** A node that is to be remembered, as it presents itself. */
export interface Heard {
  readonly incarnation: Incarnation
  readonly memberId: MemberId
  readonly seen: SeenOpening
}

/** Mutable: one per opening of this node. */
export class RememberedOpenings {
  private known: KnownMembers | undefined = undefined
  /** The ids that strangers have claimed in this opening; bounded as they are. */
  private readonly claims = new Map<Incarnation, MemberId>()

  /** From now on these are the members. One that no longer is can be forgotten: its id is used up. */
  know(known: KnownMembers): void {
    for (const incarnation of this.known?.incarnations ?? []) {
      if (!known.incarnations.has(incarnation)) this.claims.set(incarnation, 0 as MemberId)
    }
    for (const incarnation of known.incarnations) this.claims.delete(incarnation)
    this.known = known
  }

  /** What is to be kept now; `undefined` if that is nothing new. */
  with(openings: Openings, heard: Heard): Result.Result<Openings | undefined, PeerOpeningsFull> {
    const { incarnation, seen } = heard
    const before = openings.get(incarnation)
    if (before !== undefined && seen.bootCount <= before.bootCount) {
      this.claim(heard)
      return Result.succeed(undefined)
    }
    const kept = this.withoutFormer(openings)
    if (!this.isMember(incarnation) && !kept.has(incarnation) && !this.makesRoom(kept)) {
      return Result.fail(new PeerOpeningsFull({ strangersMax: Limits.strangersMax }))
    }
    this.claim(heard)
    return Result.succeed(kept.set(incarnation, seen))
  }

  private isMember(incarnation: Incarnation): boolean {
    return this.known?.incarnations.has(incarnation) === true
  }

  private claim({ incarnation, memberId }: Heard): void {
    if (!this.isMember(incarnation)) this.claims.set(incarnation, memberId)
  }

  /** Without those whose claimed ids were given to others, or are theirs no more. */
  private withoutFormer(openings: Openings): Map<Incarnation, SeenOpening> {
    const kept = new Map(openings)
    for (const [incarnation, memberId] of this.claims) {
      if (this.known === undefined || memberId >= this.known.nextMemberId) continue
      kept.delete(incarnation)
      this.claims.delete(incarnation)
    }
    return kept
  }

  /** Is there room for one more stranger? One of an earlier opening, not heard since, gives way. */
  private makesRoom(kept: Map<Incarnation, SeenOpening>): boolean {
    const strangers = [...kept.keys()].filter((incarnation) => !this.isMember(incarnation))
    if (strangers.length < Limits.strangersMax) return true
    const leftover = strangers.find((incarnation) => !this.claims.has(incarnation))
    // Who the members are is not known yet: it could be one.
    if (leftover === undefined || this.known === undefined) return false
    return kept.delete(leftover)
  }
}
