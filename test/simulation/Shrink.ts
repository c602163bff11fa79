/** Fewer faults that still fail: what a reader of a failure wants to see. */
import type { Program } from "./Program.ts"

/** Runs it is worth. */
const triesMax = 60

/**
 * The positions of the faults that are left, when no single one, and no run of them, can go any more
 * or the tries are used up.
 */
export function shrink(
  program: Program,
  fails: (program: Program) => boolean
): ReadonlyArray<number> {
  let kept = program.faults.map((_, at) => at)
  let tries = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length && tries < triesMax; ) {
      const fewer = kept.filter((_, at) => at < from || at >= from + size)
      tries += 1
      if (fails(only(program, fewer))) kept = fewer
      else from += size
    }
  }
  return kept
}

export const only = (program: Program, positions: ReadonlyArray<number>): Program => ({
  ...program,
  faults: positions.flatMap((at) => program.faults[at] ?? [])
})
