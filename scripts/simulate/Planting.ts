/**
 * Searches, for each planted bug, the first seed that catches it and is quiet without it; writes the
 * seeds found into `test/simulation/PlantedBugSeeds.ts`, which the tests replay.
 */
import { writeFileSync } from "node:fs"
import { type CaughtBy, seeds as known } from "../../test/simulation/PlantedBugSeeds.ts"
import * as PlantedBugs from "../../test/simulation/PlantedBugs.ts"
import * as Program from "../../test/simulation/Program.ts"
import { simulate } from "../../test/simulation/Simulation.ts"

export interface Options {
  /** Where the search begins. */
  readonly seed: number
  readonly nodes: number
  /** One bug alone. */
  readonly bug: string | undefined
  readonly seedsMax: number
}

const table = new URL("../../test/simulation/PlantedBugSeeds.ts", import.meta.url)

export function search(options: Options): boolean {
  const found: Record<string, CaughtBy> = { ...known }
  const wanted = Object.keys(PlantedBugs.all).filter(
    (bug) => options.bug === undefined || bug === options.bug
  )
  let caught = 0
  for (const bug of wanted) {
    const by = catcher(bug, options, found[bug])
    if (by === undefined) {
      delete found[bug]
      console.log(`${bug}: not caught within ${options.seedsMax} seeds`)
    } else {
      found[bug] = by
      caught += 1
      console.log(`${bug}: seed ${by.seed} of ${by.nodes} nodes, ${by.invariant}`)
    }
    writeFileSync(table, text(found))
  }
  console.log(`planted ${wanted.length}, caught ${caught}`)
  return caught === wanted.length
}

/** The seed that is known, if it catches still; else the next that does. */
function catcher(
  bug: string,
  { nodes, seed, seedsMax }: Options,
  before: CaughtBy | undefined
): CaughtBy | undefined {
  const invariant = before && caughtBy(bug, before.seed, before.nodes)
  if (before !== undefined && invariant !== undefined) return { ...before, invariant }
  for (let at = seed; at < seed + seedsMax; at++) {
    const broken = caughtBy(bug, at, nodes)
    if (broken !== undefined) return { seed: at, nodes, invariant: broken }
  }
  return undefined
}

/** What it does to safety counts: a cluster that does not go on has many reasons. */
function caughtBy(bug: string, seed: number, nodes: number): string | undefined {
  const program = Program.drawn(seed, nodes)
  const planted = PlantedBugs.named(bug)
  const invariant = simulate(program, planted).violation?.split(":")[0]
  if (invariant === undefined) return undefined
  if (invariant === "liveness" && planted.isOfAvailability !== true) return undefined
  const isQuiet = PlantedBugs.without(planted).every(
    (other) => simulate(program, other).violation === undefined
  )
  return isQuiet ? invariant : undefined
}

const text = (found: Record<string, CaughtBy>): string => {
  const rows = Object.entries(found).map(
    ([bug, { invariant, nodes, seed }]) =>
      `  ${bug}: { seed: ${seed}, nodes: ${nodes}, invariant: "${invariant}" }`
  )
  return [
    "/** Which seed catches which planted bug; written by `npm run -s simulate -- --planted`. */",
    "export interface CaughtBy {",
    "  readonly seed: number",
    "  readonly nodes: number",
    "  /** What it violated when it was found. */",
    "  readonly invariant: string",
    "}",
    "",
    "export const seeds: Readonly<Record<string, CaughtBy>> = {",
    rows.join(",\n"),
    "}",
    ""
  ].join("\n")
}
