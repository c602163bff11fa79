/**
 * Does a seed catch a planted bug? The tests and the search of `npm run -s simulate -- --planted` ask the
 * same: an invariant that the bug breaks is violated with it, and nothing without it.
 *
 * What must never happen: a bug taken for caught by what its program does to a sound cluster, or by a
 * simulation that failed by itself.
 * Proof: `PlantedBugs.test.ts`.
 */
import type { Planted } from "./Planted.ts"
import { breaks } from "./PlantedBugBreaks.ts"
import * as PlantedBugs from "./PlantedBugs.ts"
import * as Program from "./Program.ts"
import { simulate } from "./Simulation.ts"

export interface Seed {
  readonly seed: number
  readonly nodes: number
}

export interface Caught extends Seed {
  /** What it violated. */
  readonly invariant: string
}

/** What a seed does to a cluster with this bug: as drawn, or narrowed to what the bug needs. */
export const programOf = ({ program }: Planted, { nodes, seed }: Seed): Program.Program => {
  const drawn = Program.drawn(seed, nodes)
  return program === undefined ? drawn : program(drawn)
}

/** Undefined if this seed shows nothing of the bug, or something without it. */
export function caughtBy(bug: string, at: Seed): Caught | undefined {
  const planted = PlantedBugs.named(bug)
  const program = programOf(planted, at)
  const invariantOf = (other: Planted | undefined) =>
    simulate(program, other).violation?.split(":")[0]
  const invariant = invariantOf(planted)
  const named: ReadonlyArray<string> = breaks[bug] ?? []
  if (invariant === undefined || !named.includes(invariant)) return undefined
  if (invariantOf(undefined) !== undefined) return undefined
  const { besides } = planted
  const ofBesides = besides && invariantOf(besides)
  // A cluster that does not go on has many reasons.
  if (ofBesides !== undefined && ofBesides !== "liveness") return undefined
  return { ...at, invariant }
}

/** The first of these seeds that catches it. */
export function search(
  bug: string,
  { from, nodes, until }: { readonly from: number; readonly until: number; readonly nodes: number }
): Caught | undefined {
  for (let seed = from; seed < until; seed++) {
    const caught = caughtBy(bug, { seed, nodes })
    if (caught !== undefined) return caught
  }
  return undefined
}
