/**
 * Where an entry stands: its term and its index, and the arithmetic on indexes.
 *
 * The brands of `Ids.ts` exist for the compiler only. This file is the one place of the core where a
 * computed number becomes a `LogIndex` or a `Term` again, without the cost of a validating decode.
 */
import type { LogIndex, Term } from "../Ids.ts"

/**
 * The identity of an entry. A leader creates at most one entry per index in its term, so two entries
 * with equal positions are the same entry (Raft thesis §3.5).
 */
export interface Position {
  readonly term: Term
  readonly index: LogIndex
}

/** The term before the first election. */
export const noTerm = 0 as Term

/** The index before the first entry. */
export const noIndex = 0 as LogIndex

export const nextTerm = (term: Term): Term => (term + 1) as Term

export const after = (index: LogIndex): LogIndex => (index + 1) as LogIndex

export const before = (index: LogIndex): LogIndex => (index - 1) as LogIndex

export const plus = (index: LogIndex, count: number): LogIndex => (index + count) as LogIndex

export const smaller = (a: LogIndex, b: LogIndex): LogIndex => (a < b ? a : b)

export const larger = (a: LogIndex, b: LogIndex): LogIndex => (a > b ? a : b)

/**
 * Is a log that ends at `last` at least as complete as one that ends at `ours`? The later term wins;
 * within one term the longer log (Raft thesis §3.6.1).
 */
export const isAtLeast = (last: Position, ours: Position): boolean =>
  last.term > ours.term || (last.term === ours.term && last.index >= ours.index)
