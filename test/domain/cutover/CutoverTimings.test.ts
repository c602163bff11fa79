import { describe, expect, it } from "@effect/vitest"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import * as CutoverTimings from "../../../src/domain/cutover/CutoverTimings.ts"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"

const term = 3 as Term
const index = 9 as LogIndex
const preceding = { gate: 7, registration: 2 }

type Timed = readonly [at: number, event: Machine.CutoverEvent]

/** A run of the machine, each event at its time since the barrier was closed. */
const run = (events: ReadonlyArray<Timed>) => {
  let state = Machine.transition(Machine.idle, { _tag: "Started", term }).state
  let timings = CutoverTimings.began(term, preceding)
  for (const [at, event] of events) {
    const next = Machine.transition(state, event)
    if (next.state._tag !== state._tag) timings = CutoverTimings.left(timings, state, at)
    state = next.state
    for (const action of next.actions) {
      if (action._tag === "End") timings = CutoverTimings.ended(timings, action.end._tag, at)
    }
  }
  return timings
}

const appended: Machine.CutoverEvent = { _tag: "MarkerAppended", index }
const cutOver: Machine.CutoverEvent = {
  _tag: "MarkerApplied",
  outcome: { _tag: "CutOver", cutoverIndex: index }
}

describe("the timings of a cutover", () => {
  it("have each step once, and sum up to the time that the barrier was closed", () => {
    const { ended, stepMillis } = run([
      [4, { _tag: "Drained" }],
      [9, appended],
      [21, cutOver]
    ])
    expect(stepMillis).toEqual({ ...preceding, drain: 4, append: 5, apply: 12 })
    expect(ended).toEqual({ end: "CutOver", barrierClosedMillis: 4 + 5 + 12 })
  })

  it("are complete if the engine tells of append and apply in one turn", () => {
    const { stepMillis } = run([
      [4, { _tag: "Drained" }],
      [9, cutOver]
    ])
    expect(stepMillis).toEqual({ ...preceding, drain: 4, append: 5, apply: 0 })
  })

  it("of a run under way have what is over, and no end", () => {
    const timings = run([[4, { _tag: "Drained" }]])
    expect(timings).toMatchObject({ term, stepMillis: { ...preceding, drain: 4 } })
    expect(timings.stepMillis).not.toHaveProperty("append")
    expect(timings.ended).toBeUndefined()
  })

  it("end with the step in which a run went wrong", () => {
    const drain = run([[5_000, { _tag: "DrainTimedOut" }]])
    expect(drain.stepMillis).toEqual({ ...preceding, drain: 5_000 })
    expect(drain.ended).toEqual({ end: "DrainTimedOut", barrierClosedMillis: 5_000 })
    const lost = run([
      [4, { _tag: "Drained" }],
      [9, appended],
      [90, { _tag: "CallerTimedOut" }],
      [99, { _tag: "TermLeft" }]
    ])
    expect(lost.stepMillis).toEqual({ ...preceding, drain: 4, append: 5, apply: 90 })
    expect(lost.ended).toEqual({ end: "TermLeft", barrierClosedMillis: 99 })
  })
})
