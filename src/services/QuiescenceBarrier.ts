/**
 * The gate on proposal intake that the cutover closes while it flips the wrap flag (SPEC §9, §12).
 *
 * Decisions are those of `domain/cutover/Barrier`; this adds only the waiting.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Barrier, ProposalSource } from "../domain/cutover/Barrier.ts"
import type { Term } from "../domain/Ids.ts"

export class QuiescenceBarrier extends Context.Service<
  QuiescenceBarrier,
  {
    readonly state: () => Barrier
    /** Counts a user proposal, or answers false: the barrier is closed to it. */
    readonly admit: (options: { readonly source: ProposalSource; readonly term: Term }) => boolean
    /** `count` user proposals admitted in `term` are applied or have definitely failed. */
    readonly settle: (options: { readonly count: number; readonly term: Term }) => void
    /**
     * What was admitted before `term` is no longer waited for; called by the engine at every change of
     * term, and with the next one when it ceases to lead.
     */
    readonly enterTerm: (term: Term) => void
    readonly close: () => void
    readonly open: () => void
    /** Returns once the barrier is closed and no counted proposal is on its way. */
    readonly drained: Effect.Effect<void>
    /** Returns once the barrier is open. */
    readonly opened: Effect.Effect<void>
    /** How long it has been closed by now, in milliseconds; `undefined` while it is open. */
    readonly closedForMillis: () => number | undefined
    /** How long the barrier was closed last, in milliseconds; `undefined` if it never was. */
    readonly closedMillis: () => number | undefined
  }
>()("sealog/QuiescenceBarrier") {}
