/**
 * What was run, reached and found in all, and the line that says so.
 *
 * What must never happen: a seed that is counted and was not run. Proof:
 * `test/simulation/SimulateCommand.test.ts`.
 */
import { steps } from "../../test/simulation/CutoverSteps.ts"
import * as Program from "../../test/simulation/Program.ts"
import { cells, states } from "../../test/simulation/Simulation.ts"
import type { Finding } from "./Seed.ts"

export interface Totals {
  readonly seeds: number
  readonly violations: number
  readonly mismatches: number
  readonly reached: Readonly<Record<string, number>>
}

export const none: Totals = { seeds: 0, violations: 0, mismatches: 0, reached: {} }

export function withFinding(totals: Totals, finding: Finding): Totals {
  const reached = { ...totals.reached }
  for (const [what, count] of finding.reached) reached[what] = (reached[what] ?? 0) + count
  return {
    seeds: totals.seeds + 1,
    violations: totals.violations + Number(finding.violation !== undefined),
    mismatches: totals.mismatches + Number(finding.isMismatch),
    reached
  }
}

export const isGood = ({ mismatches, violations }: Totals): boolean =>
  violations === 0 && mismatches === 0

/** Counts, the table of the cutover, and all that was never reached. */
export function linesOf(totals: Totals): ReadonlyArray<string> {
  const count = (what: string) => totals.reached[what] ?? 0
  const unreached = unreachedOf(totals)
  return [
    wanted.map((what) => `${what} ${count(what)}`).join(", "),
    ["step of the cutover: entered", ...Program.kinds].join(" "),
    ...steps.map((step) => {
      const ofStep = cells.filter((cell) => cell.step === step)
      return `${step}: ${[`step ${step}`, ...ofStep.map(({ name }) => name)].map(count).join(" ")}`
    }),
    ...(unreached.length === 0 ? [] : [`never reached: ${unreached.join(", ")}`])
  ]
}

export function lastLineOf(totals: Totals): string {
  const { mismatches, reached, seeds, violations } = totals
  const kindsReached = Program.kinds.filter((kind) => (reached[kind] ?? 0) > 0).length
  return (
    `seeds ${seeds}, violations ${violations}, replay mismatches ${mismatches}, ` +
    `faults ${kindsReached} kinds, unreached ${unreachedOf(totals).length}`
  )
}

const wanted: ReadonlyArray<string> = [...new Set([...Program.kinds, ...states])]

const unreachedOf = ({ reached }: Totals): ReadonlyArray<string> =>
  [...wanted, ...cells.map(({ name }) => name)].filter((what) => (reached[what] ?? 0) === 0)
