/**
 * The proposals in this node's log whose proposers wait for an answer (SPEC §7).
 *
 * A proposer is answered by the position its entry got at append; the proposal id is checked as well.
 * What must never happen: an answer from another proposal's entry; a definite failure told of an entry
 * that may still be committed. An entry that this node has replaced in its own log is not gone: another
 * member may hold it, be elected and commit it. Only what is applied at its index decides. Bounded by
 * the engine's limit on uncommitted bytes. Proof: `test/domain/engine/PendingProposals.test.ts`.
 */
import type { AppliedOutcome } from "../apply/Outcome.ts"
import type { LogIndex, ProposalId, Term } from "../Ids.ts"
import type { Entry } from "../raft/Entry.ts"
import type { Position } from "../raft/Position.ts"

/** Told to whoever proposed, in the driver's fibre: must be quick and must not throw. */
export type ProposalEvent =
  /** The last event. */
  | { readonly _tag: "Applied"; readonly position: Position; readonly outcome: AppliedOutcome }
  /** The last event: another entry was applied in its place. */
  | { readonly _tag: "Superseded"; readonly index: LogIndex }
  /** The last event: a snapshot has taken the place of its index, and nobody here knows what was there. */
  | { readonly _tag: "Covered" }
  /** This node leads that term no longer. The entry may still come to be applied. */
  | { readonly _tag: "TermLeft" }
  /** The last event: the node has stopped. */
  | { readonly _tag: "Stopped"; readonly reason: string }

interface Pending {
  readonly term: Term
  /** `undefined` of an entry that carries none: its position is enough. */
  readonly proposalId: ProposalId | undefined
  readonly onEvent: (event: ProposalEvent) => void
}

/** Mutable: one per engine, driven by its single fibre. */
export class PendingProposals {
  /** At one index there is one for each term in which this node appended there. */
  private readonly byIndex = new Map<LogIndex, Array<Pending>>()
  private pendingCount = 0

  get count(): number {
    return this.pendingCount
  }

  appended(index: LogIndex, pending: Pending): void {
    const others = this.byIndex.get(index)
    if (others === undefined) this.byIndex.set(index, [pending])
    else others.push(pending)
    this.pendingCount += 1
  }

  /** `proposalId` is the one in the applied entry; `undefined` if it carried none. */
  applied(entry: Entry, proposalId: ProposalId | undefined, outcome: AppliedOutcome): void {
    const { index, term } = entry
    for (const pending of this.take(index)) {
      if (pending.term === term && pending.proposalId === proposalId) {
        pending.onEvent({ _tag: "Applied", position: { term, index }, outcome })
      } else {
        pending.onEvent({ _tag: "Superseded", index })
      }
    }
  }

  /** Its proposer is told in another way. */
  forget({ index, term }: Position): void {
    for (const pending of this.take(index)) {
      if (pending.term !== term) this.appended(index, pending)
    }
  }

  /** This node no longer leads in any term up to `term`. */
  termLeft(term: Term): void {
    for (const pending of [...this.byIndex.values()].flat()) {
      if (pending.term <= term) pending.onEvent({ _tag: "TermLeft" })
    }
  }

  /** A snapshot has taken the place of the log up to `through`. */
  covered(through: LogIndex): void {
    for (const index of [...this.byIndex.keys()]) {
      if (index > through) continue
      for (const { onEvent } of this.take(index)) onEvent({ _tag: "Covered" })
    }
  }

  stopped(reason: string): void {
    for (const index of [...this.byIndex.keys()]) {
      for (const { onEvent } of this.take(index)) onEvent({ _tag: "Stopped", reason })
    }
  }

  private take(index: LogIndex): ReadonlyArray<Pending> {
    const all = this.byIndex.get(index) ?? []
    this.byIndex.delete(index)
    this.pendingCount -= all.length
    return all
  }
}
