/**
 * The cutover of SPEC §12 as a pure transition function: which step it is in, what may happen next,
 * and when the barrier opens.
 *
 * What must never happen: an `openBarrier` between the moment the marker may be in the log and the
 * moment one of the three release conditions holds; a `closeBarrier` without an `openBarrier` on
 * every way to the end. Proof: `test/domain/cutover/CutoverMachine.test.ts` walks every state.
 */
import type { LogIndex, Term } from "../Ids.ts"

/** Where the program is. Between runs it is `Idle`. */
export type CutoverState =
  | { readonly _tag: "Idle" }
  /** Barrier closed, waiting for user proposals that were already in. Nothing has happened yet. */
  | { readonly _tag: "Draining"; readonly term: Term }
  /** The marker was handed to the engine, which has not answered yet: it may be in the log. */
  | { readonly _tag: "Appending"; readonly term: Term }
  /** The marker is in this node's log, and neither applied nor replaced as far as we know. */
  | { readonly _tag: "Appended"; readonly term: Term; readonly index: LogIndex }

/** What applying the marker did (SPEC §11). */
export type MarkerOutcome =
  | { readonly _tag: "CutOver"; readonly cutoverIndex: LogIndex }
  | { readonly _tag: "Stale" }

export type CutoverEvent =
  | { readonly _tag: "Started"; readonly term: Term }
  | { readonly _tag: "Drained" }
  | { readonly _tag: "DrainTimedOut" }
  /** The caller is gone, or wants no more. */
  | { readonly _tag: "Interrupted" }
  /** The engine refused the marker: it is not in the log and never will be. */
  | { readonly _tag: "MarkerRefused" }
  | { readonly _tag: "MarkerAppended"; readonly index: LogIndex }
  | { readonly _tag: "MarkerApplied"; readonly outcome: MarkerOutcome }
  /** The node is no longer in the term in which it appended the marker, even if it leads again. */
  | { readonly _tag: "TermLeft" }

/** How a run ended. */
export type CutoverEnd =
  | { readonly _tag: "CutOver"; readonly cutoverIndex: LogIndex }
  | { readonly _tag: "RaftDekChanged" }
  | { readonly _tag: "DrainTimedOut" }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "MarkerRefused" }
  /** Whether the marker survives is the business of the next leader (SPEC §13). */
  | { readonly _tag: "TermLeft" }

/** What the shell does, in this order. */
export type CutoverAction =
  | { readonly _tag: "CloseBarrier" }
  | { readonly _tag: "ProposeMarker"; readonly term: Term }
  | { readonly _tag: "SetWrapFlag" }
  | { readonly _tag: "OpenBarrier" }
  | { readonly _tag: "End"; readonly end: CutoverEnd }

export interface Transition {
  readonly state: CutoverState
  readonly actions: ReadonlyArray<CutoverAction>
}

export const idle: CutoverState = { _tag: "Idle" }

/** Is a second caller to be refused? */
export const isInFlight = (state: CutoverState): boolean => state._tag !== "Idle"

/** May the marker be in the log, so that only the release rule opens the barrier? */
export const mayBeInLog = (state: CutoverState): boolean =>
  state._tag === "Appending" || state._tag === "Appended"

/** An event that does not concern the state it meets changes nothing and asks for nothing. */
export function transition(state: CutoverState, event: CutoverEvent): Transition {
  switch (state._tag) {
    case "Idle":
      return event._tag === "Started"
        ? to({ _tag: "Draining", term: event.term }, { _tag: "CloseBarrier" })
        : to(state)
    case "Draining":
      return whileDraining(state, event)
    case "Appending":
    case "Appended":
      return whileInLog(state, event)
  }
}

function whileDraining(
  state: CutoverState & { readonly _tag: "Draining" },
  event: CutoverEvent
): Transition {
  switch (event._tag) {
    case "Drained":
      return to(
        { _tag: "Appending", term: state.term },
        { _tag: "ProposeMarker", term: state.term }
      )
    case "DrainTimedOut":
    case "Interrupted":
    case "TermLeft":
      return release({ _tag: event._tag })
    default:
      return to(state)
  }
}

function whileInLog(
  state: CutoverState & { readonly _tag: "Appending" | "Appended" },
  event: CutoverEvent
): Transition {
  switch (event._tag) {
    case "MarkerAppended":
      return to({ _tag: "Appended", term: state.term, index: event.index })
    case "MarkerRefused":
      return state._tag === "Appending" ? release({ _tag: "MarkerRefused" }) : to(state)
    case "MarkerApplied":
      return event.outcome._tag === "CutOver"
        ? release(event.outcome, { _tag: "SetWrapFlag" })
        : release({ _tag: "RaftDekChanged" })
    case "TermLeft":
      return release({ _tag: "TermLeft" })
    default:
      return to(state)
  }
}

const to = (state: CutoverState, ...actions: ReadonlyArray<CutoverAction>): Transition => ({
  state,
  actions
})

const release = (end: CutoverEnd, ...before: ReadonlyArray<CutoverAction>): Transition =>
  to(idle, ...before, { _tag: "OpenBarrier" }, { _tag: "End", end })
