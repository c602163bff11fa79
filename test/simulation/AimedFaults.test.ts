/** Faults that are aimed at a step of the cutover meet it, also where chance alone would hardly lead them. */
import { expect, it } from "vitest"
import { cellOf } from "./Nemesis.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

const drawn = Array.from({ length: 100 }, (_, at) => Program.drawn(at + 1, 3))

it("old epochs strike at a gate, although no node has an epoch yet at the first ones", () => {
  const programs = drawn.slice(0, 15).map((program) => {
    const fault = { kind: "oldEpochs", node: 0, millis: 300, back: 1 } as const
    return { ...program, faults: [{ atMillis: 0, step: "gate", fault }] } as const
  })
  const cell = cellOf("gate", "oldEpochs")
  const struck = programs.filter((program) => simulate(program).reached.has(cell))
  expect(struck.length).toBeGreaterThan(programs.length / 2)
})

it("a minority that is more than the leader is met where it is aimed at and nodes can join", () => {
  const aims = ({ step }: Program.TimedFault) => step === "onMinority"
  const programs = drawn.filter(({ faults, spares }) => spares > 0 && faults.some(aims))
  expect(programs.length).toBeGreaterThan(5)
  const met = programs.filter((program) => simulate(program).reached.has("step onMinority"))
  expect(met.length).toBeGreaterThan(programs.length / 4)
})
