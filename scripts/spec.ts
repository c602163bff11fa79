/**
 * Runs the executable model of the cutover: `npm run -s spec [-- --traces N --steps N --seed S] [--keep]`.
 *
 * The safe variants must hold in every trace and, among them, reach every witness; each gap
 * variant must break the invariant it names; the real core must follow the traces of the protocol move by
 * move. What must never happen: a success of a run in which one of these was not seen, or in which traces
 * ended early. Proof: the gaps themselves, since a rule nobody needs is a gap that is not caught; and
 * `test/spec/Verdict.test.ts`.
 * `--keep` chooses the traces that `test/spec/Traces.test.ts` follows, anew.
 */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import * as ScriptOptions from "./ScriptOptions.ts"
import * as CoreTraces from "./spec/CoreTraces.ts"
import * as Quint from "./spec/Quint.ts"
import * as Verdict from "./spec/Verdict.ts"

const { values } = ScriptOptions.parse({
  options: {
    traces: { type: "string", default: "500" },
    steps: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false }
  }
})
const { seed, steps } = values
const source = readFileSync(Quint.model, "utf8")
const variants = [...source.matchAll(/^module (\w+) [^}]*?OFF = Set\(([^)]*)\)/gm)].map(
  ([, name, off]) => ({ name: name!, off: off!.split(",").map((rule) => rule.trim()) })
)
const safes = variants.filter(({ name }) => name.startsWith("safe"))
const gaps = [...source.matchAll(/^module gap(\w+) [^}]*?val mustBreak = (\w+)/gm)]
const rules = [...source.matchAll(/^ {4}\| (\w+) +\/\/ /gm)].map(([, name]) => name!)
const witnesses = [
  ...source.slice(source.indexOf("--- Witnesses")).matchAll(/^ {2}val (\w+) = seen/gm)
].map(([, name]) => name!)
const conjuncts = /val safety = and \{([^}]*)\}/.exec(source)?.[1] ?? ""
const invariants = conjuncts.split(",").map((name) => name.trim())
/** Where another rule is off, the model does what the core never would. */
const followed = safes.filter(({ off }) =>
  off.every((rule) => ["", "AppendGuard", "Rotations"].includes(rule))
)
const followedCount = 100
const gapSamples = 5_000

const report = ({ isRight, text }: Verdict.Check) =>
  console.log(`${isRight ? "ok  " : "FAIL"} ${text}`)

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
const safeResults: Array<Verdict.Safe> = []
await inTurn(
  safes,
  ({ name: main }) => {
    const rest = ["--invariants", ...invariants, "--witnesses", ...witnesses]
    return Quint.run({ main, samples: Number(values.traces), steps, seed, rest })
  },
  ({ name }, said) => {
    const result = Verdict.safeOf(name, said, witnesses)
    const check = Verdict.safeCheck(result, Number(steps))
    safeResults.push(result)
    report(check)
    if (!check.isRight) console.log(said.text)
  }
)
for (const check of Verdict.witnessChecks({ safes: safeResults, witnesses })) report(check)

const gapResults: Array<Verdict.Gap> = []
await inTurn(
  gaps,
  ([, name]) => {
    const rest = ["--invariant=mustBreak"]
    return Quint.run({ main: `gap${name}`, samples: gapSamples, steps, seed, rest })
  },
  ([, name, invariant], { text, verdict }) => {
    const result = { name: name!, invariant: invariant!, verdict }
    gapResults.push(result)
    report(Verdict.gapCheck(result))
    if (verdict === "failed") console.log(text)
  }
)
const neverOff = rules.filter((rule) => !variants.some(({ off }) => off.includes(rule)))
for (const rule of neverOff) report(Verdict.neverOffCheck(rule))

const followedResults: Array<Verdict.Followed> = []
const pool: Array<Awaited<ReturnType<typeof CoreTraces.made>>[number]> = []
await inTurn(
  followed,
  ({ name: variant }) => CoreTraces.made({ variant, count: followedCount, steps, seed }),
  ({ name }, traces) => {
    const departures = CoreTraces.departures(traces)
    const traceCount = traces.length
    const result = { name, traceCount, departureCount: departures.length }
    followedResults.push(result)
    report(Verdict.followedCheck(result))
    for (const departure of departures.slice(0, 1)) console.log(departure)
    pool.push(...traces)
  }
)
if (values.keep) console.log(CoreTraces.keep(pool))
const { exitCode, lastLine } = Verdict.verdictOf({
  steps: Number(steps),
  witnesses,
  safes: safeResults,
  gaps: gapResults,
  followed: followedResults,
  neverOff
})
console.log(lastLine)
process.exitCode = exitCode
