/**
 * `npm run -s simulate -- --seeds N --seed S [--nodes 3|5] [--bug NAME] [--workers W] [--resume FILE]`:
 * runs the simulated clusters of seeds S … S+N−1, every one of them twice; `--seed S [--only 3,7]` alone
 * replays one, or some of its faults, and tells what was done to it; `--planted [--bug NAME]
 * [--workers W]` searches the seeds that catch the planted bugs, or that one.
 *
 * A seed that fails prints what it violates, the command that replays it, and the fewest faults that
 * still violate the same. Last line, unless it searches: `seeds N, violations N, replay mismatches N,
 * faults N kinds, unreached N`, of all seeds that were run, in a campaign that was resumed too. Exit
 * code 0 only without violations and mismatches. Proof: `test/simulation/SimulateCommand.test.ts`.
 */
import * as Arguments from "./simulate/Arguments.ts"
import * as Campaign from "./simulate/Campaign.ts"
import * as Planting from "./simulate/Planting.ts"
import * as Replay from "./simulate/Replay.ts"

async function isGood(): Promise<boolean> {
  const asked = Arguments.parse(process.argv.slice(2))
  if (asked._tag === "Planting") return Planting.search(asked.options)
  return asked._tag === "Campaign" ? Campaign.run(asked.options) : Replay.replay(asked.options)
}

try {
  process.exitCode = (await isGood()) ? 0 : 1
} catch (error) {
  console.error(`simulate: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
