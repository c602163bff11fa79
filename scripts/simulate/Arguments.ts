/** What is asked of `npm run simulate`; whatever makes no sense is refused with a sentence. */
import { parseArgs } from "node:util"
import * as PlantedBugs from "../../test/simulation/PlantedBugs.ts"
import type * as Campaign from "./Campaign.ts"
import type * as Planting from "./Planting.ts"
import type * as Seed from "./Seed.ts"

export type Asked =
  | { readonly _tag: "Campaign"; readonly options: Campaign.Options }
  | { readonly _tag: "Planting"; readonly options: Planting.Options }
  | { readonly _tag: "Replay"; readonly options: Seed.Asked }

/** Throws a sentence. */
export function parse(args: ReadonlyArray<string>): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string" },
      seed: { type: "string", default: "1" },
      nodes: { type: "string", default: "3" },
      workers: { type: "string", default: "1" },
      resume: { type: "string" },
      only: { type: "string" },
      planted: { type: "boolean", default: false },
      bug: { type: "string" }
    }
  })
  const { bug, resume: stateFile } = values
  const seed = wholeNumber("seed", values.seed, 0)
  const nodes = wholeNumber("nodes", values.nodes, 3)
  if (nodes !== 3 && nodes !== 5) throw new Error("--nodes must be 3 or 5")
  const seeds = values.seeds === undefined ? undefined : wholeNumber("seeds", values.seeds, 1)
  const workers = wholeNumber("workers", values.workers, 1)
  // It throws if there is no such bug.
  PlantedBugs.named(bug)
  const isReplay = !values.planted && seeds === undefined
  if (values.only !== undefined && !isReplay) throw new Error("--only is for one seed alone")
  if (stateFile !== undefined && (isReplay || values.planted)) {
    throw new Error("--resume goes with --seeds, and not with --planted")
  }
  if (values.planted) {
    return { _tag: "Planting", options: { seed, nodes, workers, bug, seedsMax: seeds ?? 2_000 } }
  }
  if (seeds !== undefined) {
    return { _tag: "Campaign", options: { seed, seeds, nodes, workers, bug, stateFile } }
  }
  return { _tag: "Replay", options: { seed, nodes, bug, only: positionsOf(values.only) } }
}

const positionsOf = (only: string | undefined): ReadonlyArray<number> | undefined =>
  only === "none" ? [] : only?.split(",").map((at) => wholeNumber("only", at, 0))

function wholeNumber(name: string, text: string, smallest: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(number) && number >= smallest) return number
  const what = name === "only" ? "none, or positions of faults as in 3,7" : "a whole number"
  throw new Error(`--${name} must be ${what}${smallest === 0 ? "" : ` of at least ${smallest}`}`)
}
