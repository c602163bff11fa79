import { describe, expect, it } from "vitest"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import { NotLeader } from "../../../src/domain/engine/Errors.ts"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"

const term = 3 as Term
const index = 9 as LogIndex
const rejection = new NotLeader({ leader: undefined })

const events: ReadonlyArray<Machine.CutoverEvent> = [
  { _tag: "Started", term },
  { _tag: "Drained" },
  { _tag: "DrainTimedOut" },
  { _tag: "CallerLeft" },
  { _tag: "CallerTimedOut" },
  { _tag: "MarkerRefused", rejection },
  { _tag: "MarkerAppended", index },
  { _tag: "MarkerApplied", outcome: { _tag: "CutOver", cutoverIndex: index } },
  { _tag: "MarkerApplied", outcome: { _tag: "Stale" } },
  { _tag: "TermLeft" }
]

interface Visited {
  readonly state: Machine.CutoverState
  /** What a shell that carries the actions out would see. */
  readonly isBarrierClosed: boolean
  readonly isFlagSet: boolean
  readonly path: ReadonlyArray<string>
}

/** Every state that any sequence of events can reach, with the barrier and the flag beside it. */
function explore(transition: typeof Machine.transition, check: (step: Step) => void): number {
  const start: Visited = { state: Machine.idle, isBarrierClosed: false, isFlagSet: false, path: [] }
  const seen = new Map<string, Visited>([[keyOf(start), start]])
  const queue = [start]
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    for (const event of events) {
      const { actions, state } = transition(from.state, event)
      const tags = actions.map((action) => action._tag)
      let { isBarrierClosed } = from
      for (const tag of tags) {
        if (tag === "CloseBarrier") isBarrierClosed = true
        if (tag === "OpenBarrier") isBarrierClosed = false
      }
      const isFlagSet = from.isFlagSet || tags.includes("SetWrapFlag")
      const to = { state, isBarrierClosed, isFlagSet, path: [...from.path, event._tag] }
      check({ from, event, to, actions })
      if (seen.has(keyOf(to))) continue
      seen.set(keyOf(to), to)
      queue.push(to)
    }
  }
  return seen.size
}

interface Step {
  readonly from: Visited
  readonly to: Visited
  readonly event: Machine.CutoverEvent
  readonly actions: ReadonlyArray<Machine.CutoverAction>
}

const keyOf = ({ isBarrierClosed, isFlagSet, state }: Visited): string =>
  JSON.stringify([state, isBarrierClosed, isFlagSet])

/** SPEC §12: the rules, as something that can be broken. Answers the rule a step breaks. */
function brokenRule({ actions, event, from, to }: Step): string | undefined {
  const opens = actions.some((action) => action._tag === "OpenBarrier")
  const isRelease =
    event._tag === "MarkerApplied" || event._tag === "TermLeft" || event._tag === "MarkerRefused"
  if (opens && Machine.mayBeInLog(from.state) && !isRelease) return "opened early"
  if (to.isBarrierClosed !== (to.state._tag !== "Idle")) return "shut without a run, or open in one"
  const cutsOver = event._tag === "MarkerApplied" && event.outcome._tag === "CutOver"
  const sets = actions.findIndex((action) => action._tag === "SetWrapFlag")
  const opensAt = actions.findIndex((action) => action._tag === "OpenBarrier")
  if (sets >= 0 && !cutsOver) return "flag set by something else than the marker"
  if (cutsOver && Machine.mayBeInLog(from.state) && !(sets >= 0 && sets < opensAt)) {
    return "opened before the flag was set"
  }
  if (actions.some((action) => action._tag === "ProposeMarker") && event._tag !== "Drained") {
    return "marker proposed before the drain"
  }
  const ends = actions.filter((action) => action._tag === "End").length
  const isEnd = from.state._tag !== "Idle" && to.state._tag === "Idle"
  if (ends !== (isEnd ? 1 : 0)) return "ended not exactly once"
  const answers = actions.filter((action) => action._tag === "Answer").length
  const isNoMore = isAwaited(from.state) && !isAwaited(to.state)
  return answers === (isNoMore && event._tag !== "CallerLeft" ? 1 : 0)
    ? undefined
    : "a caller who waits is told not exactly once"
}

const isAwaited = (state: Machine.CutoverState): boolean =>
  state._tag === "Draining" ||
  (Machine.mayBeInLog(state) && "isAwaited" in state && state.isAwaited)

describe("the cutover machine (SPEC §12)", () => {
  it("keeps the release rule in every reachable state", () => {
    let steps = 0
    const states = explore(Machine.transition, (step) => {
      steps += 1
      expect(brokenRule(step), step.to.path.join(" → ")).toBeUndefined()
    })
    expect(states).toBe(12)
    expect(steps).toBe(12 * events.length)
  })

  it("can always end: no state is without a way back to idle", () => {
    explore(Machine.transition, ({ to }) => {
      const canEnd = events.some(
        (event) => Machine.transition(to.state, event).state._tag === "Idle"
      )
      expect(canEnd, to.path.join(" → ")).toBe(true)
    })
  })

  it("a planted release on interruption after the marker is found", () => {
    const planted: typeof Machine.transition = (state, event) =>
      Machine.mayBeInLog(state) && event._tag === "CallerLeft"
        ? {
            state: Machine.idle,
            actions: [{ _tag: "End", end: { _tag: "CallerLeft" } }, { _tag: "OpenBarrier" }]
          }
        : Machine.transition(state, event)
    const broken = new Set<string>()
    explore(planted, (step) => {
      const rule = brokenRule(step)
      if (rule !== undefined) broken.add(rule)
    })
    expect([...broken]).toEqual(["opened early"])
  })

  it("a time-out or a caller that leaves before the marker opens the barrier, and nothing else", () => {
    const draining: Machine.CutoverState = { _tag: "Draining", term }
    const open = { _tag: "OpenBarrier" }
    const timedOut = { _tag: "DrainTimedOut" } as const
    expect(Machine.transition(draining, timedOut)).toEqual({
      state: Machine.idle,
      actions: [{ _tag: "End", end: timedOut }, open, { _tag: "Answer", answer: timedOut }]
    })
    expect(Machine.transition(draining, { _tag: "CallerLeft" })).toEqual({
      state: Machine.idle,
      actions: [{ _tag: "End", end: { _tag: "CallerLeft" } }, open]
    })
  })
})
