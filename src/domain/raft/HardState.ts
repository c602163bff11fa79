/**
 * What a member must never forget (Raft thesis §3.8): its term and its vote in that term. The commit
 * index travels along so that a restarted member can apply before it hears from a leader.
 */
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import { noIndex, noTerm } from "./Position.ts"

/**
 * **Durability**: `term` and `vote` must be durable before any message of the same Ready leaves.
 * `commit` may be lost in a crash: a leader tells it again.
 */
export interface HardState {
  readonly term: Term
  readonly vote: MemberId | undefined
  readonly commit: LogIndex
}

/** The hard state of a member that has never written one. */
export const initial: HardState = { term: noTerm, vote: undefined, commit: noIndex }

export const equals = (a: HardState, b: HardState): boolean =>
  a.term === b.term && a.vote === b.vote && a.commit === b.commit
