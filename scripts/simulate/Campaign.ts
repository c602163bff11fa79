/** Many seeds, on as many threads as asked for; what was done stands in a file, if one is named. */
import * as Failure from "./Failure.ts"
import { findingsOf, SimulateThread } from "./SimulateThread.ts"
import * as StateFile from "./StateFile.ts"
import * as Totals from "./Totals.ts"

export interface Options {
  readonly seed: number
  readonly seeds: number
  readonly nodes: number
  readonly workers: number
  /** Planted in every cluster. */
  readonly bug: string | undefined
  readonly stateFile: string | undefined
}

/** Seeds between two writes of the state file, for each thread. */
const seedsPerBatch = 25

/** False if anything was found, now or before it was resumed. */
export async function run(options: Options): Promise<boolean> {
  const { bug, nodes, seed, seeds, stateFile, workers } = options
  const resumed = stateFile === undefined ? undefined : StateFile.read(stateFile, options)
  const failures = [...(resumed?.failures ?? [])]
  for (const text of failures) console.log(text)
  let totals = resumed?.totals ?? Totals.none
  const before = totals.seeds
  if (before > 0) console.error(`simulate: ${before} seeds were done before`)
  const began = performance.now()
  const threads = Array.from({ length: workers }, () => new SimulateThread({ nodes, bug }))
  try {
    while (totals.seeds < seeds) {
      const from = seed + totals.seeds
      const count = Math.min(seeds - totals.seeds, seedsPerBatch * threads.length)
      const batch = Array.from({ length: count }, (_, at) => from + at)
      for (const finding of await findingsOf(batch, threads)) {
        totals = Totals.withFinding(totals, finding)
        const texts = Failure.textsOf({ seed: finding.seed, nodes, bug }, finding)
        for (const text of texts) console.log(text)
        failures.push(...texts)
      }
      if (stateFile !== undefined) StateFile.write(stateFile, options, { totals, failures })
      const perSecond = ((totals.seeds - before) * 1_000) / (performance.now() - began)
      console.error(`simulate: ${totals.seeds} of ${seeds} seeds, ${perSecond.toFixed(1)} a second`)
    }
  } finally {
    for (const thread of threads) thread.end()
  }
  for (const line of Totals.linesOf(totals)) console.log(line)
  console.log(Totals.lastLineOf(totals))
  return Totals.isGood(totals)
}
