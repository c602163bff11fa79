/**
 * The proposals in this node's log whose proposers wait for an answer (SPEC §7).
 *
 * A proposer is answered by the position its entry got at append; the proposal id is checked as well.
 * What must never happen: an answer from another proposal's entry. Bounded by the engine's limit on
 * uncommitted bytes. Proof: `test/domain/engine/PendingProposals.test.ts`.
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
  /** This node leads that term no longer. The entry may still come to be applied. */
  | { readonly _tag: "TermLeft" }
  /** The last event: the node has stopped. */
  | { readonly _tag: "Stopped"; readonly reason: string }

interface Pending {
  readonly term: Term
  readonly proposalId: ProposalId
  readonly onEvent: (event: ProposalEvent) => void
}

/** Mutable: one per engine, driven by its single fibre. */
export class PendingProposals {
  private readonly byIndex = new Map<LogIndex, Pending>()

  get count(): number {
    return this.byIndex.size
  }

  /** An entry that this node still waited for at this index is replaced by the new one. */
  appended(index: LogIndex, pending: Pending): void {
    this.byIndex.get(index)?.onEvent({ _tag: "Superseded", index })
    this.byIndex.set(index, pending)
  }

  /** `proposalId` is the one in the applied entry; `undefined` if it carried none. */
  applied(entry: Entry, proposalId: ProposalId | undefined, outcome: AppliedOutcome): void {
    const { index, term } = entry
    const pending = this.byIndex.get(index)
    if (pending === undefined) return
    this.byIndex.delete(index)
    if (pending.term === term && pending.proposalId === proposalId) {
      pending.onEvent({ _tag: "Applied", position: { term, index }, outcome })
    } else {
      pending.onEvent({ _tag: "Superseded", index })
    }
  }

  /** Its proposer is told in another way. */
  forget(index: LogIndex): void {
    this.byIndex.delete(index)
  }

  /** This node no longer leads in any term up to `term`. */
  termLeft(term: Term): void {
    for (const pending of this.byIndex.values()) {
      if (pending.term <= term) pending.onEvent({ _tag: "TermLeft" })
    }
  }

  stopped(reason: string): void {
    const all = [...this.byIndex.values()]
    this.byIndex.clear()
    for (const { onEvent } of all) onEvent({ _tag: "Stopped", reason })
  }
}
