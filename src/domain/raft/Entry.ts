/** One slot of the replicated log (SPEC §1). */
import type { LogIndex, Term } from "../Ids.ts"

/**
 * What an entry is for: `normal` carries a proposal, `noop` is a new leader's first entry,
 * `membership` changes the configuration, `registration` records a writer's epoch (SPEC §6).
 * Only `normal` entries are ever sealed.
 */
export type EntryKind = "normal" | "noop" | "membership" | "registration"

/** An entry of the log. `data` is immutable from the moment the entry exists. */
export interface Entry {
  readonly term: Term
  readonly index: LogIndex
  readonly kind: EntryKind
  readonly data: Uint8Array
}
