/**
 * What a broken rule of the second line does while the append guard stands: nothing to safety, and to
 * availability no more than appends that are refused or a cluster that does not go on (SPEC §10).
 *
 * `PlantedBugs.test.ts` shows that each of them is unsafe without the guard.
 */
import { afterAll, describe, expect, it } from "vitest"
import { AppendGuard } from "../../src/domain/engine/AppendGuard.ts"
import * as Catching from "./Catching.ts"
import type { Planted } from "./Planted.ts"
import { seeds } from "./PlantedBugSeeds.ts"
import * as PlantedCutoverBugs from "./PlantedCutoverBugs.ts"
import { both, type Method, patched } from "./PlantedServices.ts"
import { simulate } from "./Simulation.ts"

const nodes = 3

/** What a run may end with: a guard that refuses an append takes time, and no more. */
const ofAvailability = [undefined, "liveness", "I11"]

const refused = new Map<string, number>()

/** How often the guard refused anything while `bug` was planted. */
function counting(name: string, bug: Planted): Planted {
  type Admits = (proposal: unknown) => boolean
  const count = patched<Admits & Method>(
    AppendGuard,
    "admits",
    (admits) =>
      function (this: AppendGuard, proposal: unknown) {
        const isAdmitted = admits.call(this, proposal as never)
        if (!isAdmitted) refused.set(name, (refused.get(name) ?? 0) + 1)
        return isAdmitted
      } as Admits & Method
  )
  return both(bug, count)
}

describe("with the guard on, a broken rule of the second line takes nothing but availability", () => {
  it.each(Object.entries(PlantedCutoverBugs.secondLine))(
    "%s",
    (name, { alone, program }) => {
      const planted = counting(name, { ...alone!, ...(program && { program }) })
      const ownSeed = seeds[name]?.seed ?? 2
      for (const seed of new Set([1, ownSeed])) {
        const { violation } = simulate(Catching.programOf(planted, { seed, nodes }), planted)
        expect(ofAvailability, violation).toContain(violation?.split(":")[0])
      }
    },
    120_000
  )

  // A marker that is to be sealed, a second one, users who are sealed before it counts: in any run.
  it.each(["sealsMarkerItself", "secondMarkerAdmitted", "staleMarkerSetsFlag"])(
    "%s: what it costs is appends that the guard refuses",
    (name) => {
      expect(refused.get(name) ?? 0).toBeGreaterThan(0)
    }
  )

  afterAll(() => {
    for (const [name, count] of refused) console.info(`${name}: ${count} appends refused`)
  })
})
