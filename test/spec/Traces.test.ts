/**
 * The real core follows the traces of the model: after each move every node is what the model says.
 *
 * `traces.txt` is chosen by `npm run -s spec -- --keep`, which also lets the core follow many more. Would
 * it notice? Each bug planted here must make the core depart from one of them.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Machine from "../../src/domain/cutover/CutoverMachine.ts"
import type { Term } from "../../src/domain/Ids.ts"
import { RaftEngineDriver } from "../../src/layers/RaftEngineDriver.ts"
import type { Input } from "../../src/layers/RaftEngineInput.ts"
import { departureFrom } from "./CoreCluster.ts"
import { type Planted, sound } from "./CoreNode.ts"
import * as ModelTrace from "./ModelTrace.ts"

const text = readFileSync(join(import.meta.dirname, "traces.txt"), "utf8")
const traces = ModelTrace.parse(text)

/** A driver with something in it changed. */
const driving = (change: (driver: RaftEngineDriver) => void): Planted => ({
  ...sound,
  makeDriver: (parts) => {
    const driver = new RaftEngineDriver(parts)
    change(driver)
    return driver
  }
})

const transiting = (
  instead: (
    state: Machine.CutoverState,
    event: Machine.CutoverEvent
  ) => Machine.Transition | undefined
): Planted => ({
  ...sound,
  transition: (state, event) => instead(state, event) ?? Machine.transition(state, event)
})

const opened = (
  state: Machine.CutoverState,
  ...before: ReadonlyArray<Machine.CutoverAction>
): Machine.Transition => ({ state, actions: [...before, { _tag: "OpenBarrier" }] })

const planted: Record<string, Planted> = {
  "no append guard": driving(({ guard }) => {
    guard.admits = () => true
  }),
  "the guard remembers a marker that was truncated": driving(({ guard }) => {
    guard.truncated = () => {}
  }),
  "the guard overlooks markers that came from another leader": driving(({ guard }) => {
    guard.appended = () => {}
  }),
  "a stale marker goes on to count": driving(({ guard }) => {
    guard.applied = () => {}
  }),
  "intake before the leader's noop is applied": driving((driver) => {
    driver.intake = () => {
      const { isLeader, term } = driver.leadership
      if (isLeader) return { _tag: "Open", term }
      return RaftEngineDriver.prototype.intake.call(driver)
    }
  }),
  "a proposal is taken in another term than it was admitted in": driving((driver) => {
    driver.accept = (input: Input) => {
      const term = driver.leadership.term as Term
      RaftEngineDriver.prototype.accept.call(
        driver,
        input._tag === "Propose" ? { ...input, proposal: { ...input.proposal, term } } : input
      )
    }
  }),
  "the flag is set by the leader only": {
    ...sound,
    setsFlag: (node, cause) => cause !== "markerApplied" || node.leads
  },
  "the flag is not set at start-up": { ...sound, setsFlag: (_, cause) => cause !== "start" },
  "the flag is not set by a snapshot": {
    ...sound,
    setsFlag: (_, cause) => cause !== "snapshotInstalled"
  },
  "the flag is set when the marker is appended": transiting((state, event) => {
    const { actions, ...next } = Machine.transition(state, event)
    if (event._tag !== "MarkerAppended") return undefined
    return { ...next, actions: [{ _tag: "SetWrapFlag" }, ...actions] }
  }),
  "the barrier opens when the marker is appended": transiting((_, event) =>
    event._tag === "MarkerAppended" ? opened(Machine.idle) : undefined
  ),
  "a stale marker sets the flag": transiting((state, event) =>
    event._tag === "MarkerApplied" && event.outcome._tag === "Stale" && state._tag === "Appended"
      ? opened(Machine.idle, { _tag: "SetWrapFlag" })
      : undefined
  ),
  "a stale marker leaves the barrier shut": transiting((state, event) =>
    event._tag === "MarkerApplied" && event.outcome._tag === "Stale"
      ? { state, actions: [] }
      : undefined
  ),
  "the term that is left leaves the barrier shut": transiting((state, event) =>
    event._tag === "TermLeft" ? { state, actions: [] } : undefined
  ),
  "a refused marker leaves the barrier shut": transiting((state, event) =>
    event._tag === "MarkerRefused" ? { state, actions: [] } : undefined
  )
}

describe("traces of the model", () => {
  it.each(traces.map((trace) => [trace.name, trace] as const))("%s", (_, trace) => {
    assert.strictEqual(departureFrom(trace), undefined)
  })

  it("are read as they were written, and bring every move", () => {
    assert.strictEqual(`${traces.map(ModelTrace.format).join("\n")}\n`, text)
    const names = new Set(traces.flatMap(({ steps }) => steps.map(({ move: { name } }) => name)))
    assert.deepStrictEqual([...names].sort(), moves)
  })

  it.each(Object.entries(planted))("notice: %s", (_, bug) => {
    const departures = traces.filter((trace) => departureFrom(trace, bug) !== undefined)
    assert.isAbove(departures.length, 0)
  })
})

const moves = [
  "accept",
  "acknowledge",
  "admit",
  "apply",
  "batch",
  "begin",
  "compact",
  "drainTimesOut",
  "drained",
  "elect",
  "init",
  "replicate",
  "restart",
  "rotate",
  "snapshot"
]
