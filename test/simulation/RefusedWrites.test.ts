/**
 * A node whose write was refused must stop (SPEC §8): one that is never said to have stopped is found,
 * whether anything else shows it or not.
 */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { swap } from "../support/SwappedLayers.ts"
import type * as Planted from "./Planted.ts"
import { swapped } from "./PlantedServices.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

const neverStops = swapped(() => [
  swap(RaftEngine, (engine) => ({ ...engine, stopped: Effect.never }))
])

const kinds = ["logWriteError", "stateWriteError"] as const

/** One write is refused, and nothing else happens. */
function violationOf(kind: (typeof kinds)[number], planted?: Planted.Planted) {
  const program = Program.drawn(2, 3)
  const faults = [{ atMillis: 300, fault: { kind, node: 3 } }]
  return simulate({ ...program, faults }, planted).violation
}

it.each(kinds)(
  "a node that outlives a %s is found",
  (kind) => {
    expect(violationOf(kind)).toBeUndefined()
    expect(violationOf(kind, neverStops)).toMatch(/^halt: n3 goes on/)
  },
  60_000
)
