/**
 * The cutover of SPEC §12 as a pure transition function: which step it is in, what may happen next,
 * when the barrier opens, and what the caller is told.
 *
 * What must never happen: an `OpenBarrier` between the moment the marker may be in the log and the
 * moment one of the three release conditions holds; a `CloseBarrier` without an `OpenBarrier` on
 * every way to the end; a caller told twice, or told what is not so. Proof:
 * `test/domain/cutover/CutoverMachine.test.ts` walks every state, and `CutoverModel.test.ts` every
 * state of the machine, the barrier and a model of the world together.
 */
import type { CutoverInFlight } from "../encryption/Errors.ts"
import type { LeaderNotReady, NodeStopped, NotLeader, TooManyProposals } from "../engine/Errors.ts"
import type { LogIndex, Term } from "../Ids.ts"

/** Where the program is. Between runs it is `Idle`. */
export type CutoverState =
  | { readonly _tag: "Idle" }
  /** Barrier closed, waiting for user proposals that were already in. Nothing has happened yet. */
  | { readonly _tag: "Draining"; readonly term: Term }
  /** The marker was handed to the engine, which has not answered yet: it may be in the log. */
  | { readonly _tag: "Appending"; readonly term: Term; readonly isAwaited: boolean }
  /** The marker is in this node's log, and neither applied nor replaced as far as we know. */
  | {
      readonly _tag: "Appended"
      readonly term: Term
      readonly index: LogIndex
      /** Is the caller still there to be told? */
      readonly isAwaited: boolean
    }

/** What applying the marker did (SPEC §11). */
export type MarkerOutcome =
  | { readonly _tag: "CutOver"; readonly cutoverIndex: LogIndex }
  | { readonly _tag: "Stale" }

/** Why the marker is not in the log and never will be. */
export type MarkerRejection =
  | NotLeader
  | LeaderNotReady
  | CutoverInFlight
  | TooManyProposals
  | NodeStopped

export type CutoverEvent =
  | { readonly _tag: "Started"; readonly term: Term }
  | { readonly _tag: "Drained" }
  | { readonly _tag: "DrainTimedOut" }
  /** The caller was interrupted, or its client has hung up. */
  | { readonly _tag: "CallerLeft" }
  /** The caller has waited for the marker as long as it may. */
  | { readonly _tag: "CallerTimedOut" }
  | { readonly _tag: "MarkerRefused"; readonly rejection: MarkerRejection }
  | { readonly _tag: "MarkerAppended"; readonly index: LogIndex }
  | { readonly _tag: "MarkerApplied"; readonly outcome: MarkerOutcome }
  /**
   * The node is no longer in the term in which it appended the marker, even if it leads again; a node
   * that has stopped has left it too.
   */
  | { readonly _tag: "TermLeft" }

/** How a run ended. */
export type CutoverEnd =
  | { readonly _tag: "CutOver"; readonly cutoverIndex: LogIndex }
  | { readonly _tag: "RaftDekChanged" }
  | { readonly _tag: "DrainTimedOut" }
  | { readonly _tag: "CallerLeft" }
  | { readonly _tag: "MarkerRefused"; readonly rejection: MarkerRejection }
  /** Whether the marker survives is the business of the next leader (SPEC §13). */
  | { readonly _tag: "TermLeft" }

/** What the caller of a run is told. */
export type CutoverAnswer =
  | Exclude<CutoverEnd, { readonly _tag: "CallerLeft" | "TermLeft" }>
  /** The marker may be in the log, and resolves without the caller. */
  | { readonly _tag: "OutcomeUnknown" }

/** What the shell does, in this order. */
export type CutoverAction =
  | { readonly _tag: "CloseBarrier" }
  | { readonly _tag: "ProposeMarker"; readonly term: Term }
  | { readonly _tag: "SetWrapFlag" }
  /** Before `OpenBarrier`: who has waited for that may start the next run in the same turn. */
  | { readonly _tag: "End"; readonly end: CutoverEnd }
  | { readonly _tag: "OpenBarrier" }
  | { readonly _tag: "Answer"; readonly answer: CutoverAnswer }

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

/** Freely interruptible; a term that is left drains the barrier, and the engine refuses the marker. */
function whileDraining(
  state: CutoverState & { readonly _tag: "Draining" },
  event: CutoverEvent
): Transition {
  switch (event._tag) {
    case "Drained":
      return to(
        { _tag: "Appending", term: state.term, isAwaited: true },
        { _tag: "ProposeMarker", term: state.term }
      )
    case "DrainTimedOut":
      return release({ _tag: "DrainTimedOut" }, { answer: { _tag: "DrainTimedOut" } })
    case "CallerLeft":
      return release({ _tag: "CallerLeft" }, { answer: undefined })
    default:
      return to(state)
  }
}

/** The caller may go as it likes; only what becomes of the marker opens the barrier. */
function whileInLog(
  state: CutoverState & { readonly _tag: "Appending" | "Appended" },
  event: CutoverEvent
): Transition {
  const told = (answer: CutoverAnswer) => ({ answer: state.isAwaited ? answer : undefined })
  switch (event._tag) {
    case "MarkerAppended":
      return to({ ...state, _tag: "Appended", index: event.index })
    case "MarkerRefused": {
      const refused = { _tag: "MarkerRefused", rejection: event.rejection } as const
      return state._tag === "Appending" ? release(refused, told(refused)) : to(state)
    }
    case "MarkerApplied": {
      const { outcome } = event
      if (outcome._tag === "CutOver") {
        return release(outcome, { ...told(outcome), before: { _tag: "SetWrapFlag" } })
      }
      const changed = { _tag: "RaftDekChanged" } as const
      return release(changed, told(changed))
    }
    case "TermLeft":
      return release({ _tag: "TermLeft" }, told({ _tag: "OutcomeUnknown" }))
    case "CallerLeft":
      return to({ ...state, isAwaited: false })
    case "CallerTimedOut":
      return state.isAwaited
        ? to({ ...state, isAwaited: false }, answering({ _tag: "OutcomeUnknown" }))
        : to(state)
    default:
      return to(state)
  }
}

const to = (state: CutoverState, ...actions: ReadonlyArray<CutoverAction>): Transition => ({
  state,
  actions
})

const answering = (answer: CutoverAnswer): CutoverAction => ({ _tag: "Answer", answer })

const release = (
  end: CutoverEnd,
  {
    answer,
    before
  }: { readonly answer: CutoverAnswer | undefined; readonly before?: CutoverAction }
): Transition =>
  to(
    idle,
    ...(before === undefined ? [] : [before]),
    { _tag: "End", end },
    { _tag: "OpenBarrier" },
    ...(answer === undefined ? [] : [answering(answer)])
  )
