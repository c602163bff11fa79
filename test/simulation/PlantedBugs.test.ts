/**
 * The simulator notices each planted bug, with the seed that is known to catch it, and finds nothing
 * with that seed if there is no bug (SPEC §19).
 */
import { describe, expect, it } from "vitest"
import { seeds } from "./PlantedBugSeeds.ts"
import * as PlantedBugs from "./PlantedBugs.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

describe("a planted bug is caught", () => {
  it.each(Object.entries(seeds))(
    "%s",
    (bug, { invariant, nodes, seed }) => {
      const program = Program.drawn(seed, nodes)
      const planted = PlantedBugs.named(bug)
      expect(simulate(program, planted).violation?.split(":")[0]).toBe(invariant)
      for (const other of PlantedBugs.without(planted)) {
        expect(simulate(program, other).violation).toBeUndefined()
      }
    },
    60_000
  )

  it("at least thirty of them", () => {
    expect(Object.keys(seeds).length).toBeGreaterThanOrEqual(30)
  })
})
