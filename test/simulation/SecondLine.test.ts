/**
 * What a broken rule of the second line does while the append guard stands: nothing to safety, and to
 * availability just what is claimed here: appends that are refused, and in some cases a cluster that does
 * not go on (SPEC §10).
 *
 * `PlantedBugs.test.ts` shows that each of them is unsafe without the guard.
 */
import { describe, expect, it } from "vitest"
import { AppendGuard } from "../../src/domain/engine/AppendGuard.ts"
import * as Catching from "./Catching.ts"
import type { Planted } from "./Planted.ts"
import { seeds } from "./PlantedBugSeeds.ts"
import * as PlantedCutoverBugs from "./PlantedCutoverBugs.ts"
import { both, type Method, patched } from "./PlantedServices.ts"
import { simulate } from "./Simulation.ts"

const nodes = 3
/** Tried if its own seed does not show what a bug costs any more. */
const seedsMax = 200

interface Cost {
  /** At least so many appends in a run. */
  readonly refused: number
  /** Does the cluster not go on? Else it does, in every run. */
  readonly standsStill: boolean
}

const some: Cost = { refused: 1, standsStill: false }
/** The guard refuses what a flag that is wrong leaves plain, or seals, until somebody mends it. */
const all: Cost = { refused: 1_000, standsStill: true }

const costs: Readonly<Record<string, Cost>> = {
  /** Each attempt: there is no cutover. */
  sealsMarkerItself: { refused: 50, standsStill: true },
  flagUnsetAtStart: all,
  flagSetByLeaderOnly: all,
  snapshotLeavesFlag: all,
  flagSetBeforeApply: all,
  staleMarkerSetsFlag: { refused: 10, standsStill: false },
  secondMarkerAdmitted: some,
  intakeBeforeNoop: some,
  proposalNotBoundToTerm: some,
  drainNotAwaited: some,
  barrierLetsUsersIn: some,
  barrierOpensOnTimeOut: some
}

/** How a run ends, and how often the guard refused anything in it. */
function run(bug: Planted, seed: number) {
  let refused = 0
  type Admits = (proposal: unknown) => boolean
  const count = patched<Admits & Method>(
    AppendGuard,
    "admits",
    (admits) =>
      function (this: AppendGuard, proposal: unknown) {
        const isAdmitted = admits.call(this, proposal as never)
        if (!isAdmitted) refused += 1
        return isAdmitted
      } as Admits & Method
  )
  const { violation } = simulate(Catching.programOf(bug, { seed, nodes }), both(bug, count))
  return { violation, refused }
}

/** Does this seed show what it costs? It costs no more in any. */
function isShownBy(seed: number, bug: Planted, { refused, standsStill }: Cost): boolean {
  const ended = run(bug, seed)
  const end = ended.violation?.split(":")[0]
  expect(standsStill ? [undefined, "liveness"] : [undefined], ended.violation).toContain(end)
  return ended.refused >= refused && (end === "liveness") === standsStill
}

describe("with the guard on, a broken rule of the second line takes nothing but availability", () => {
  it.each(Object.entries(PlantedCutoverBugs.secondLine))(
    "%s",
    (name, { alone, program }) => {
      const bug = { ...alone!, ...(program && { program }) }
      const others = Array.from({ length: seedsMax }, (_, at) => 1 + at)
      const tried = [seeds[name]?.seed ?? 1, ...others]
      const shown = tried.find((seed) => isShownBy(seed, bug, costs[name]!))
      expect(shown, `no seed shows what ${name} costs`).toBeDefined()
    },
    600_000
  )

  it("and it is said of each what", () => {
    const names = Object.keys(PlantedCutoverBugs.secondLine)
    expect(Object.keys(costs).sort()).toEqual(names.sort())
  })
})
