/** Fewer faults that still fail: what a reader of a failure wants to see. */
import type { Program } from "./Program.ts"

/** Runs it is worth. */
const triesMax = 60

export interface Failing {
  /** Of the whole program. */
  readonly violation: string
  readonly violationOf: (program: Program) => string | undefined
}

/**
 * The positions of the faults that are left, when no single one, and no run of them, can go any more
 * or the tries are used up. What is left violates the same invariant: fewer faults that break another
 * one are another failure.
 */
export function shrink(program: Program, failing: Failing): ReadonlyArray<number> {
  const invariant = invariantOf(failing.violation)
  let kept = program.faults.map((_, at) => at)
  let tries = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length && tries < triesMax; ) {
      const fewer = kept.filter((_, at) => at < from || at >= from + size)
      tries += 1
      const violation = failing.violationOf(only(program, fewer))
      if (violation !== undefined && invariantOf(violation) === invariant) kept = fewer
      else from += size
    }
  }
  return kept
}

/** Which one is violated; what follows in the text is how. */
export const invariantOf = (violation: string): string => violation.split(":")[0]!

export const only = (program: Program, positions: ReadonlyArray<number>): Program => ({
  ...program,
  faults: positions.flatMap((at) => program.faults[at] ?? [])
})
