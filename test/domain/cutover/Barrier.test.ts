import { describe, expect, it } from "vitest"
import * as Barrier from "../../../src/domain/cutover/Barrier.ts"
import type { Term } from "../../../src/domain/Ids.ts"

const t1 = 1 as Term
const t2 = 2 as Term
const user = (term: Term) => ({ source: "user", term }) as const

describe("the quiescence barrier (SPEC §9, §12)", () => {
  it("refuses user proposals while closed, and lets the program pass uncounted", () => {
    const closed = Barrier.close(Barrier.initial)
    expect(Barrier.admit(closed, user(t1))).toBeUndefined()
    expect(Barrier.admit(closed, { source: "encryptionAdmin", term: t1 })).toBe(closed)
  })

  it("is drained only when closed and with nothing of this term on its way", () => {
    const one = Barrier.admit(Barrier.initial, user(t1))!
    expect(Barrier.isDrained(one)).toBe(false)
    const closed = Barrier.close(one)
    expect(Barrier.isDrained(closed)).toBe(false)
    expect(Barrier.isDrained(Barrier.settle(closed, { count: 1, term: t1 }))).toBe(true)
    expect(Barrier.isDrained(Barrier.settle(one, { count: 1, term: t1 }))).toBe(false)
  })

  it("forgets what an earlier term admitted, and is not driven below zero by it", () => {
    const one = Barrier.admit(Barrier.initial, user(t1))!
    const next = Barrier.admit(Barrier.enterTerm(one, t2), user(t2))!
    expect(next.inflightCount).toBe(1)
    expect(Barrier.settle(next, { count: 1, term: t1 })).toBe(next)
    expect(Barrier.admit(next, user(t1))!.inflightCount).toBe(1)
  })

  it("settling more than was admitted is a bug", () => {
    const one = Barrier.admit(Barrier.initial, user(t1))!
    expect(() => Barrier.settle(one, { count: 2, term: t1 })).toThrow("settle")
  })

  it("counts what a multiset of proposals would, in every state that five steps reach", () => {
    interface World {
      readonly barrier: Barrier.Barrier
      readonly term: Term
      readonly isClosed: boolean
      /** The dumb model: the term of each user proposal that has not settled. */
      readonly pending: ReadonlyArray<Term>
    }
    const steps = (world: World): ReadonlyArray<World> => {
      const { barrier, pending, term } = world
      const admitted = Barrier.admit(barrier, user(term))
      const oldest = pending[0]
      return [
        { ...world, barrier: Barrier.close(barrier), isClosed: true },
        { ...world, barrier: Barrier.open(barrier), isClosed: false },
        { ...world, barrier: Barrier.enterTerm(barrier, t2), term: t2 },
        ...(admitted === undefined
          ? []
          : [{ ...world, barrier: admitted, pending: [...pending, term] }]),
        ...(oldest === undefined
          ? []
          : [
              {
                ...world,
                barrier: Barrier.settle(barrier, { count: 1, term: oldest }),
                pending: pending.slice(1)
              }
            ])
      ]
    }
    let worlds: ReadonlyArray<World> = [
      { barrier: Barrier.enterTerm(Barrier.initial, t1), term: t1, isClosed: false, pending: [] }
    ]
    let visited = 0
    for (let depth = 0; depth < 6; depth += 1) {
      for (const { barrier, isClosed, pending, term } of worlds) {
        const counted = pending.filter((admittedIn) => admittedIn === term).length
        expect(barrier.inflightCount).toBe(counted)
        expect(Barrier.isDrained(barrier)).toBe(isClosed && counted === 0)
        visited += 1
      }
      worlds = worlds.flatMap(steps)
    }
    expect(visited).toBeGreaterThan(500)
  })
})
