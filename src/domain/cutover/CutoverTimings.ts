/**
 * How long each step of a run of the cutover took on the node that ran it (SPEC §12), read off the
 * transitions of the machine.
 *
 * Of this node and this opening only: replicated state has no clock. Times are given in milliseconds
 * since the barrier was closed. What must never happen: a step told as over that is not; one without a
 * time was not reached, or is under way. Proof: `test/domain/cutover/CutoverTimings.test.ts`.
 */
import type { Term } from "../Ids.ts"
import type { CutoverEnd, CutoverState } from "./CutoverMachine.ts"

/** The steps that take time, in order. During the first two the barrier is open. */
export const steps = ["gate", "registration", "drain", "append", "apply"] as const
export type Step = (typeof steps)[number]

/** What passed before the barrier was closed, in milliseconds. */
export interface Preceding {
  readonly gate: number
  readonly registration: number
}

export interface CutoverTimings {
  readonly term: Term
  /** Of each step that is over, and of the last one of a run that went wrong: the time until then. */
  readonly stepMillis: Preceding & { readonly [Later in Exclude<Step, keyof Preceding>]?: number }
  /** When the step in hand began, since the barrier was closed. */
  readonly stepBeganAt: number
  /** `undefined` while it runs. */
  readonly ended: Ended | undefined
}

export interface Ended {
  readonly end: CutoverEnd["_tag"]
  readonly barrierClosedMillis: number
}

/** The barrier closes. */
export const began = (term: Term, preceding: Preceding): CutoverTimings => ({
  term,
  stepMillis: preceding,
  stepBeganAt: 0,
  ended: undefined
})

/** The machine leaves a state for another one. */
export function left(timings: CutoverTimings, from: CutoverState, at: number): CutoverTimings {
  const step = stepOf(from)
  if (step === undefined) return timings
  const stepMillis = { ...timings.stepMillis, [step]: at - timings.stepBeganAt }
  return { ...timings, stepMillis, stepBeganAt: at }
}

/** The barrier opens. */
export function ended(
  timings: CutoverTimings,
  end: CutoverEnd["_tag"],
  at: number
): CutoverTimings {
  const { stepMillis } = timings
  const isApplied = end === "CutOver" || end === "RaftDekChanged"
  return {
    ...timings,
    // Append and apply are told in one turn now and then.
    stepMillis: isApplied ? { ...stepMillis, apply: stepMillis.apply ?? 0 } : stepMillis,
    ended: { end, barrierClosedMillis: at }
  }
}

/** What a state waits for. */
function stepOf({ _tag }: CutoverState): Exclude<Step, keyof Preceding> | undefined {
  switch (_tag) {
    case "Idle":
      return undefined
    case "Draining":
      return "drain"
    case "Appending":
      return "append"
    case "Appended":
      return "apply"
  }
}
