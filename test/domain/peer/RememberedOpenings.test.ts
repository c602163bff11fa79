import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import type { Incarnation, MemberId, OpeningId } from "../../../src/domain/Ids.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { type Openings, RememberedOpenings } from "../../../src/domain/peer/RememberedOpenings.ts"

const incarnation = (number: number) => number.toString(16).padStart(32, "0") as Incarnation
const seen = (bootCount: number) => ({ bootCount, openingId: "c".repeat(32) as OpeningId })
const heard = (number: number, memberId: number, bootCount = 1) => ({
  incarnation: incarnation(number),
  memberId: memberId as MemberId,
  seen: seen(bootCount)
})
const known = (numbers: ReadonlyArray<number>, nextMemberId: number) => ({
  incarnations: new Set(numbers.map(incarnation)),
  nextMemberId: nextMemberId as MemberId
})

/** A node that knows the members 1 and 2, and the record it keeps. */
class Keeper {
  remembered = new RememberedOpenings()
  openings: Openings = new Map()

  constructor() {
    this.remembered.know(known([1, 2], 3))
  }

  /** Was it taken? */
  hear(number: number, memberId: number, bootCount = 1): boolean {
    const next = this.remembered.with(this.openings, heard(number, memberId, bootCount))
    if (Result.isSuccess(next)) this.openings = next.success ?? this.openings
    return Result.isSuccess(next)
  }

  /** As many strangers as there is room for. */
  fill(from = 100): void {
    for (let at = 0; at < Limits.strangersMax; at++) this.hear(from + at, 50 + at)
  }

  has(number: number): boolean {
    return this.openings.has(incarnation(number))
  }
}

describe("the openings that are remembered (SPEC §3)", () => {
  it("are kept of members however many strangers there are, and of no more strangers", () => {
    const keeper = new Keeper()
    keeper.fill()
    expect(keeper.hear(500, 90)).toBe(false)
    expect([keeper.hear(1, 1), keeper.hear(2, 2)]).toEqual([true, true])
    expect(keeper.hear(501, 91)).toBe(false)
    expect([keeper.has(1), keeper.has(2), keeper.has(500)]).toEqual([true, true, false])
    expect(keeper.openings.size).toBe(Limits.strangersMax + 2)
  })

  it("go up for a stranger that is remembered already, and never down", () => {
    const keeper = new Keeper()
    keeper.fill()
    expect(keeper.hear(100, 50, 7)).toBe(true)
    expect(keeper.hear(100, 50, 6)).toBe(true)
    expect(keeper.openings.get(incarnation(100))).toEqual(seen(7))
  })

  it("are forgotten of strangers whose ids were given to others, not of who became a member", () => {
    const keeper = new Keeper()
    keeper.fill()
    // The ids 50 to 59 are given; 100 is who it said it was.
    keeper.remembered.know(known([1, 2, 100], 60))
    expect(keeper.hear(500, 90)).toBe(true)
    expect([keeper.has(100), keeper.has(101), keeper.has(109)]).toEqual([true, false, false])
    expect([keeper.has(110), keeper.has(500)]).toEqual([true, true])
  })

  it("are forgotten of members that were removed", () => {
    const keeper = new Keeper()
    keeper.hear(1, 1)
    keeper.hear(2, 2)
    keeper.remembered.know(known([1], 3))
    keeper.hear(500, 90)
    expect([keeper.has(1), keeper.has(2)]).toEqual([true, false])
  })

  it("of an earlier opening of this node give way to strangers that are heard now", () => {
    const keeper = new Keeper()
    keeper.hear(1, 1)
    keeper.fill()
    keeper.remembered = new RememberedOpenings()
    expect(keeper.hear(500, 90), "the members are not known yet").toBe(false)
    keeper.remembered.know(known([1, 2], 3))
    // Heard again: no leftover.
    keeper.hear(100, 50)
    keeper.fill(1000)
    expect([keeper.has(1), keeper.has(100)]).toEqual([true, true])
    expect(keeper.openings.size).toBe(Limits.strangersMax + 1)
    expect(keeper.hear(2000, 99)).toBe(false)
  })
})
