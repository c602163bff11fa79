/** A fault that is aimed at a step of the cutover, and has nothing to strike there yet, waits for the next. */
import { expect, it } from "vitest"
import { cellOf } from "./Nemesis.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

const seeds = Array.from({ length: 40 }, (_, at) => at + 1)

it("old epochs strike at a gate, although no node has an epoch yet at the first ones", () => {
  const reachedOf = (seed: number) => {
    const { faults: _, ...program } = Program.drawn(seed, 3)
    const fault = { kind: "oldEpochs", node: 0, millis: 300, back: 1 } as const
    return simulate({ ...program, faults: [{ atMillis: 0, step: "gate", fault }] }).reached
  }
  const struck = seeds.filter((seed) => reachedOf(seed).has(cellOf("gate", "oldEpochs")))
  expect(struck.length).toBeGreaterThan(0)
})
