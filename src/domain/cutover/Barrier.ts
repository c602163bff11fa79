/**
 * The quiescence barrier as a pure transition function (SPEC §9, §12).
 *
 * It answers two questions: may a proposal come in, and is a user proposal still on its way? The
 * shell that people wait on is `QuiescenceBarrier`. What must never happen: a count that goes up
 * while the barrier is closed, or a drained barrier with a proposal of this term still on its way.
 * Proof: `test/domain/cutover/Barrier.test.ts`.
 */
import type { Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"

/** Who asks: user requests stop at a closed barrier, the program that closed it does not. */
export type ProposalSource = "user" | "encryptionAdmin"

export interface Barrier {
  readonly isClosed: boolean
  /** The term the counted proposals were admitted in. */
  readonly term: Term
  /** User proposals admitted in `term` that are neither applied nor definitely failed. */
  readonly inflightCount: number
}

export const initial: Barrier = { isClosed: false, term: 0 as Term, inflightCount: 0 }

/**
 * `undefined` if the proposal is refused. Only user proposals are counted, and of them only those of
 * the newest term: the engine refuses the others.
 */
export function admit(
  barrier: Barrier,
  { source, term }: { readonly source: ProposalSource; readonly term: Term }
): Barrier | undefined {
  if (source === "encryptionAdmin") return barrier
  if (barrier.isClosed) return undefined
  const inTerm = enterTerm(barrier, term)
  return term === inTerm.term ? { ...inTerm, inflightCount: inTerm.inflightCount + 1 } : inTerm
}

/** User proposals were applied or have definitely failed; those of an earlier term are forgotten. */
export function settle(
  barrier: Barrier,
  { count, term }: { readonly count: number; readonly term: Term }
): Barrier {
  if (term !== barrier.term) return barrier
  invariant(count <= barrier.inflightCount, "no more proposals settle than were admitted")
  return { ...barrier, inflightCount: barrier.inflightCount - count }
}

/** The node is in `term` now: what it admitted in an earlier one is no longer waited for. */
export function enterTerm(barrier: Barrier, term: Term): Barrier {
  return term <= barrier.term ? barrier : { ...barrier, term, inflightCount: 0 }
}

export const close = (barrier: Barrier): Barrier => ({ ...barrier, isClosed: true })

export const open = (barrier: Barrier): Barrier => ({ ...barrier, isClosed: false })

/** Closed, and nothing on its way. */
export const isDrained = (barrier: Barrier): boolean =>
  barrier.isClosed && barrier.inflightCount === 0
