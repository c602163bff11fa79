/**
 * Runs the executable model of the cutover: `npm run -s spec [-- --traces N --steps N --seed S] [--keep]`.
 *
 * The safe variants must hold in every trace and, among them, reach every witness; each gap
 * variant must break the invariant it names; the real core must follow the traces of the protocol move by
 * move. What must never happen: a success of a run in which one of these was not seen, or in which traces
 * ended early. Proof: the gaps themselves; a rule nobody needs is a gap that is not caught.
 * `--keep` chooses the traces that `test/spec/Traces.test.ts` follows, anew.
 */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import * as CoreTraces from "./spec/CoreTraces.ts"
import * as Quint from "./spec/Quint.ts"

const { values } = parseArgs({
  options: {
    traces: { type: "string", default: "500" },
    steps: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false }
  }
})
const { seed, steps } = values
const source = readFileSync(Quint.model, "utf8")
const safes = [...source.matchAll(/^module (safe\w*) /gm)].map(([, name]) => name!)
const gaps = [...source.matchAll(/^module gap(\w+) [^}]*?val mustBreak = (\w+)/gm)]
const witnesses = [
  ...source.slice(source.indexOf("--- Witnesses")).matchAll(/^ {2}val (\w+) = seen/gm)
].map(([, name]) => name!)
const conjuncts = /val safety = and \{([^}]*)\}/.exec(source)?.[1] ?? ""
const invariants = conjuncts.split(",").map((name) => name.trim())
/** Where the guard is alone, the model does what the core never would. */
const followed = safes.filter((name) => name !== "safeGuardAlone")
const followedCount = 100
const gapSamples = 5_000

let failures = 0
function report(isRight: boolean, line: string): void {
  if (!isRight) failures += 1
  console.log(`${isRight ? "ok  " : "FAIL"} ${line}`)
}

/** All of them, as many at a time as there are processors; what is told is told in order. */
async function inTurn<A, B>(
  items: ReadonlyArray<A>,
  work: (item: A) => Promise<B>,
  tell: (item: A, result: B) => void
): Promise<void> {
  const underWay: Array<{ readonly item: A; readonly result: Promise<B> }> = []
  const next = async () => {
    const first = underWay.shift()
    if (first !== undefined) tell(first.item, await first.result)
  }
  for (const item of items) {
    if (underWay.length >= availableParallelism()) await next()
    underWay.push({ item, result: work(item) })
  }
  while (underWay.length > 0) await next()
}

Quint.install()
console.log(`invariants: ${invariants.join(", ")}`)
let safeTraces = 0
const reached = new Map(witnesses.map((name) => [name, 0]))
await inTurn(
  safes,
  (main) => {
    const rest = ["--invariants", ...invariants, "--witnesses", ...witnesses]
    return Quint.run({ main, samples: Number(values.traces), steps, seed, rest })
  },
  (main, { text, verdict }) => {
    const traces = Number(/out of (\d+) explored/.exec(text)?.[1] ?? 0)
    const shortest = Number(/min=(\d+)/.exec(text)?.[1] ?? 0) - 1
    const isWhole = verdict === "holds" && traces > 0 && shortest === Number(steps)
    report(isWhole, `${main}: ${verdict} in ${traces} traces of at least ${shortest} steps`)
    if (isWhole) safeTraces += traces
    else console.log(text)
    for (const [name, before] of reached) {
      const count = Number(new RegExp(`\\b${name} was witnessed in (\\d+)`).exec(text)?.[1] ?? 0)
      reached.set(name, before + count)
    }
  }
)
for (const [name, count] of reached) report(count > 0, `witness ${name}: in ${count} traces`)

let caught = 0
await inTurn(
  gaps,
  ([, name]) => {
    const rest = ["--invariant=mustBreak"]
    return Quint.run({ main: `gap${name}`, samples: gapSamples, steps, seed, rest })
  },
  ([, name, invariant], { text, verdict }) => {
    if (verdict === "breaks") caught += 1
    report(verdict === "breaks", `gap ${name}: ${invariant} ${verdict}`)
    if (verdict === "failed") console.log(text)
  }
)

const pool: Array<Awaited<ReturnType<typeof CoreTraces.made>>[number]> = []
await inTurn(
  followed,
  (variant) => CoreTraces.made({ variant, count: followedCount, steps, seed }),
  (variant, traces) => {
    const departures = CoreTraces.departures(traces)
    report(
      departures.length === 0,
      `core: follows ${traces.length - departures.length} of ${traces.length} traces of ${variant}`
    )
    for (const departure of departures.slice(0, 1)) console.log(departure)
    pool.push(...traces)
  }
)
if (values.keep) console.log(CoreTraces.keep(pool))
console.log(`safe ${safeTraces} traces, gaps ${caught} of ${gaps.length} caught`)
process.exitCode = failures === 0 && safes.length > 0 && gaps.length > 0 ? 0 : 1
