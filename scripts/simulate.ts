/**
 * `npm run -s simulate -- --seeds N --seed S [--nodes 3|5] [--workers W] [--resume FILE]`: runs the
 * simulated clusters of seeds S … S+N−1, every one of them twice; `--seed S` alone replays one and tells
 * what was done to it; `--planted [--bug NAME] [--workers W]` searches the seeds that catch the planted
 * bugs, or that one.
 *
 * A seed that fails prints what it violates, the command that replays it, and the fewest faults that
 * still show it. Last line: `seeds N, violations N, replay mismatches N, faults N kinds, unreached N`.
 * Exit code 0 only without violations and mismatches. Proof: `test/simulation/Simulation.test.ts`.
 */
import { parseArgs } from "node:util"
import * as Campaign from "./simulate/Campaign.ts"
import * as Planting from "./simulate/Planting.ts"
import * as Replay from "./simulate/Replay.ts"

const { values } = parseArgs({
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

function wholeNumber(name: string, text: string, smallest: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= smallest) return number
  throw new Error(`--${name} must be a whole number of at least ${smallest}`)
}

async function main(): Promise<boolean> {
  const seed = wholeNumber("seed", values.seed, 0)
  const nodes = wholeNumber("nodes", values.nodes, 3)
  if (nodes !== 3 && nodes !== 5) throw new Error("--nodes must be 3 or 5")
  const workers = wholeNumber("workers", values.workers, 1)
  if (values.planted) {
    const seedsMax = wholeNumber("seeds", values.seeds ?? "2000", 1)
    return Planting.search({ nodes, seed, workers, bug: values.bug, seedsMax })
  }
  if (values.seeds === undefined) {
    const only = values.only?.split(",").filter((at) => at !== "")
    return Replay.replay({ seed, nodes, bug: values.bug, only: only?.map(Number) })
  }
  const seeds = wholeNumber("seeds", values.seeds, 1)
  return Campaign.run({ seed, seeds, nodes, workers, stateFile: values.resume })
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(`simulate: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
