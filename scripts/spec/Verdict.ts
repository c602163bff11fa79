/**
 * What a run of the model comes to: what was seen of each variant, the last line, and the exit code.
 *
 * What must never happen: the exit code 0 of a run in which a safe variant was violated or its traces ended
 * early, a witness was not reached, a gap was not caught, a rule was never off, the core departed from the
 * model, or nothing was run. Proof: `test/spec/Verdict.test.ts`.
 */
import type { Said } from "./Quint.ts"

export interface Safe {
  readonly name: string
  readonly verdict: Said["verdict"]
  readonly traceCount: number
  /** Steps of the shortest trace. */
  readonly shortest: number
  /** In how many traces each witness was reached. */
  readonly witnessed: ReadonlyMap<string, number>
}

export interface Gap {
  readonly name: string
  readonly invariant: string
  readonly verdict: Said["verdict"]
}

export interface Followed {
  readonly name: string
  readonly traceCount: number
  readonly departureCount: number
}

export interface Results {
  /** Of every trace. */
  readonly steps: number
  readonly witnesses: ReadonlyArray<string>
  readonly safes: ReadonlyArray<Safe>
  readonly gaps: ReadonlyArray<Gap>
  readonly followed: ReadonlyArray<Followed>
  /** Rules that no variant switches off. */
  readonly neverOff: ReadonlyArray<string>
}

export interface Check {
  readonly isRight: boolean
  readonly text: string
}

/** The variant with all rules, in which nothing is prescribed. */
const wholeProtocol = "safe"
/** These it must reach by itself; the others, any safe variant may. */
export const witnessesOfWholeProtocol = [
  "markerCommitted",
  "crossedByLeaderChange",
  "appliedAsStale"
] as const

export function verdictOf(results: Results) {
  const { followed, gaps, safes, steps } = results
  const checks = [
    ...safes.map((safe) => safeCheck(safe, steps)),
    ...witnessChecks(results),
    ...gaps.map(gapCheck),
    ...results.neverOff.map(neverOffCheck),
    ...followed.map(followedCheck)
  ]
  const isSuccess =
    checks.every(({ isRight }) => isRight) &&
    [safes, gaps, followed].every((variants) => variants.length > 0)
  const held = safes.filter((safe) => safeCheck(safe, steps).isRight)
  const traceCount = held.reduce((sum, safe) => sum + safe.traceCount, 0)
  const caught = gaps.filter((gap) => gapCheck(gap).isRight).length
  return {
    lastLine: `safe ${traceCount} traces, gaps ${caught} of ${gaps.length} caught`,
    exitCode: isSuccess ? 0 : 1
  }
}

export const safeCheck = ({ name, shortest, traceCount, verdict }: Safe, steps: number): Check => ({
  isRight: verdict === "holds" && traceCount > 0 && shortest === steps,
  text: `${name}: ${verdict} in ${traceCount} traces of at least ${shortest} steps`
})

export function witnessChecks({ safes, witnesses }: Pick<Results, "safes" | "witnesses">) {
  const check = (name: string, among: ReadonlyArray<Safe>, where: string): Check => {
    const count = among.reduce((sum, { witnessed }) => sum + (witnessed.get(name) ?? 0), 0)
    return { isRight: count > 0, text: `witness ${name}: in ${count} traces${where}` }
  }
  const whole = safes.filter(({ name }) => name === wholeProtocol)
  return [
    ...witnessesOfWholeProtocol.map((name) => check(name, whole, ` of ${wholeProtocol}`)),
    ...witnesses.map((name) => check(name, safes, ""))
  ]
}

export const gapCheck = ({ invariant, name, verdict }: Gap): Check => ({
  isRight: verdict === "breaks",
  text: `gap ${name}: ${invariant} ${verdict}`
})

export const neverOffCheck = (rule: string): Check => ({
  isRight: false,
  text: `rule ${rule}: no variant switches it off`
})

export const followedCheck = ({ departureCount, name, traceCount }: Followed): Check => ({
  isRight: traceCount > 0 && departureCount === 0,
  text: `core: follows ${traceCount - departureCount} of ${traceCount} traces of ${name}`
})

/** What Quint has said of a safe variant; what it has not said is nothing. */
export function safeOf(
  name: string,
  { text, verdict }: Said,
  witnesses: ReadonlyArray<string>
): Safe {
  const numberIn = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0)
  const countOf = (witness: string) => numberIn(new RegExp(`\\b${witness} was witnessed in (\\d+)`))
  return {
    name,
    verdict,
    traceCount: numberIn(/out of (\d+) explored/),
    shortest: numberIn(/min=(\d+)/) - 1,
    witnessed: new Map(witnesses.map((witness) => [witness, countOf(witness)]))
  }
}
