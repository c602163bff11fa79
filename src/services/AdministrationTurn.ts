/**
 * Whose turn it is to change what the members must be able to do, or who the members are: one at a
 * time on a leader (SPEC §12, §14, §15).
 *
 * Between the question whether every member can take part and the proposal it is asked for, no member
 * may come in; and while a marker or a membership entry is on its way, no other question is asked. A
 * removal needs no turn: nobody is left out by it. A turn is this node's own and is no proof of leading:
 * what is proposed in one carries the term it was decided in.
 * Proof: `test/layers/AdministrationTurn.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CutoverInFlight } from "../domain/encryption/Errors.ts"
import type { MembershipChangeInProgress } from "../domain/members/Errors.ts"

/** What a turn is for. */
export type TurnHolder = "cutover" | "encryption" | "membership"

export interface Turn {
  /** Ends it for who took it; again, does nothing. */
  readonly end: () => void
  /** Keeps it beyond that, until what is returned is called: something is on its way in the log. */
  readonly keep: () => () => void
}

export class AdministrationTurn extends Context.Service<
  AdministrationTurn,
  {
    /**
     * To be acquired: waits, interruptibly, until nobody has it, at most as long as for a proposal. Then
     * it is refused by what has it: `MembershipChangeInProgress`, or else `CutoverInFlight`. A second
     * cutover is refused at once.
     */
    readonly take: (
      holder: TurnHolder
    ) => Effect.Effect<Turn, CutoverInFlight | MembershipChangeInProgress>
  }
>()("sealog/AdministrationTurn") {}
