/**
 * What is done about a node that has ended: started again after a pause, or left alone because another
 * start would end the same way. Proof: `test/scripts/Start.test.ts`.
 */

export interface NodeEnd {
  /** `null` if a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
}

export type Decision =
  | { readonly _tag: "Again"; readonly afterMillis: number; readonly because: string }
  | { readonly _tag: "Leave"; readonly because: string }

/** Exit codes of `serve` (docs/OPERATIONS.md). */
const refused = 1
const halted = 70

const pauseMillis = { min: 500, max: 10_000 }
/** A node that ran for this long is not one that fails at once. */
export const steadyMillis = 30_000

/** `quickEnds`: how often it has ended in a row before it was steady, this time included. */
export function decide(end: NodeEnd, quickEnds: number): Decision {
  if (end.code === refused) return { _tag: "Leave", because: "refused to start" }
  if (end.code === halted) return { _tag: "Leave", because: "halted" }
  const because =
    end.signal === null ? `ended with exit code ${end.code}` : `was ended by ${end.signal}`
  const afterMillis = Math.min(pauseMillis.min * 2 ** Math.max(0, quickEnds - 1), pauseMillis.max)
  return { _tag: "Again", afterMillis, because }
}
