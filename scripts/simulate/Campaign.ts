/** Many seeds, on as many threads as asked for; what was done stands in a file, if one is named. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { steps } from "../../test/simulation/CutoverSteps.ts"
import * as Program from "../../test/simulation/Program.ts"
import { cells, states } from "../../test/simulation/Simulation.ts"
import { findingsOf, SimulateThread } from "./SimulateThread.ts"
import type { Finding } from "./SimulateWorker.ts"

export interface Options {
  readonly seed: number
  readonly seeds: number
  readonly nodes: number
  readonly workers: number
  readonly stateFile: string | undefined
}

interface Progress {
  readonly seed: number
  readonly nodes: number
  /** Seeds below this one are done. */
  next: number
  violations: number
  mismatches: number
  reached: Record<string, number>
}

/** Seeds between two writes of the state file, for each thread. */
const seedsPerBatch = 25

export async function run(options: Options): Promise<boolean> {
  const { nodes, seed, seeds } = options
  const progress = resumed(options)
  const began = performance.now()
  const first = progress.next
  const threads = Array.from({ length: options.workers }, () => new SimulateThread({ nodes }))
  try {
    while (progress.next < seed + seeds) {
      const until = Math.min(seed + seeds, progress.next + seedsPerBatch * threads.length)
      const batch = Array.from({ length: until - progress.next }, (_, at) => progress.next + at)
      for (const finding of await findingsOf(batch, threads)) note(progress, finding, nodes)
      progress.next = until
      if (options.stateFile !== undefined) {
        writeFileSync(options.stateFile, `${JSON.stringify(progress)}\n`)
      }
      const perSecond = ((until - first) * 1_000) / (performance.now() - began)
      console.error(`simulate: ${until - seed} of ${seeds} seeds, ${perSecond.toFixed(1)} a second`)
    }
  } finally {
    for (const thread of threads) thread.end()
  }
  return report(progress, seeds)
}

function resumed({ nodes, seed, stateFile }: Options): Progress {
  if (stateFile !== undefined && existsSync(stateFile)) {
    const progress = JSON.parse(readFileSync(stateFile, "utf8")) as Progress
    if (progress.seed !== seed || progress.nodes !== nodes) {
      throw new Error(`${stateFile} is of another campaign: take another file`)
    }
    return progress
  }
  return { seed, nodes, next: seed, violations: 0, mismatches: 0, reached: {} }
}

function note(progress: Progress, finding: Finding, nodes: number): void {
  const { isMismatch, kept, reached, seed, violation } = finding
  for (const [what, count] of reached) {
    progress.reached[what] = (progress.reached[what] ?? 0) + count
  }
  const again = `npm run -s simulate -- --seed ${seed} --nodes ${nodes}`
  if (isMismatch) {
    progress.mismatches += 1
    console.log(`seed ${seed}: not the same twice; again: ${again}`)
  }
  if (violation === undefined) return
  progress.violations += 1
  console.log(`seed ${seed}: ${violation}\n  again: ${again}`)
  const { faults } = Program.drawn(seed, nodes)
  console.log(`  ${kept.length} of ${faults.length} faults are enough: ${again} --only ${kept}`)
  for (const at of kept) console.log(`  ${Program.text(faults[at]!)}`)
}

/** Counts, then what was never reached, then the line that counts. */
function report({ mismatches, reached, violations }: Progress, seeds: number): boolean {
  const wanted = [...new Set([...Program.kinds, ...states])]
  const unreached = [...wanted, ...cells.map(({ name }) => name)].filter(
    (what) => (reached[what] ?? 0) === 0
  )
  const kindsReached = Program.kinds.filter((kind) => (reached[kind] ?? 0) > 0).length
  console.log(wanted.map((what) => `${what} ${reached[what] ?? 0}`).join(", "))
  for (const line of table(reached)) console.log(line)
  if (unreached.length > 0) {
    const shown = unreached.slice(0, 60).join(", ")
    console.log(`never reached: ${shown}${unreached.length > 60 ? ", …" : ""}`)
  }
  console.log(
    `seeds ${seeds}, violations ${violations}, replay mismatches ${mismatches}, ` +
      `faults ${kindsReached} kinds, unreached ${unreached.length}`
  )
  return violations === 0 && mismatches === 0
}

/** How often each kind of fault began as each step of the cutover was entered. */
function table(reached: Record<string, number>): ReadonlyArray<string> {
  const heading = ["entered", ...Program.kinds].join(" ")
  const rows = steps.map((step) => {
    const ofStep = cells.filter((cell) => cell.step === step)
    const counts = ofStep.map(({ name }) => reached[name] ?? 0)
    return `${step}: ${[reached[`step ${step}`] ?? 0, ...counts].join(" ")}`
  })
  return [`step of the cutover: ${heading}`, ...rows]
}
