/**
 * I11 is asked of every node in the end of a run, by a barrier that stays shut where nobody looks: on a
 * node that has ceased to lead, under a cutover that seems to go on (SPEC §19).
 */
import { expect, it } from "vitest"
import type { Term } from "../../src/domain/Ids.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { seen, swap } from "../support/SwappedLayers.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { swapped } from "./PlantedServices.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

const shutBehindLeader = swapped(() => {
  const node: { engine?: RaftEngine["Service"]; isShut: boolean } = { isShut: false }
  return [
    seen(RaftEngine, (engine) => {
      node.engine = engine
    }),
    swap(QuiescenceBarrier, (barrier) => ({
      ...barrier,
      open: () => {
        node.isShut = node.engine?.status().role !== "Leader"
        if (!node.isShut) barrier.open()
      }
    })),
    swap(Cutover, (cutover) => ({
      ...cutover,
      state: () => (node.isShut ? { _tag: "Draining" as const, term: 1 as Term } : cutover.state())
    }))
  ]
})

// Most of these runs end within the 3 s after which the next turn of that node would show it.
it("a barrier that is shut on a node that does not lead is found, however soon the run ends", () => {
  const programs = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
    PlantedPrograms.markerIsTruncated(Program.drawn(seed, 3))
  )
  const violations = programs.map((program) => simulate(program, shutBehindLeader).violation)
  const found = violations.filter((violation) => violation?.startsWith("I11"))
  expect(found.length).toBeGreaterThanOrEqual(5)
  expect(violations.filter((violation) => !found.includes(violation))).toEqual(
    Array(8 - found.length).fill(undefined)
  )
}, 120_000)
