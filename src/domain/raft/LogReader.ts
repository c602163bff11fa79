/**
 * What the core must be able to ask the log store, synchronously.
 *
 * The core never writes: what is to be written leaves it in a Ready. A corrupt record is thrown as
 * the store's typed failure and passes through the core unchanged; it is never answered as "no
 * entry", because the core would take that for the end of the log.
 */
import type { LogIndex, Term } from "../Ids.ts"
import type { Entry } from "./Entry.ts"
import type { HardState } from "./HardState.ts"
import type { Membership } from "./Membership.ts"
import type { Snapshot } from "./Snapshot.ts"

/** What a member remembers across a restart. */
export interface InitialState {
  readonly hardState: HardState
  /**
   * The configuration at the applied index the core is started with. The first one of a group is in
   * no entry, so the founders start from a snapshot at index 1 that holds it, and not from an empty
   * log: whoever joins later gets it with a snapshot, and the changes made since with the log.
   */
  readonly membership: Membership
}

/**
 * **Invariants**
 * 1. An empty log has `lastIndex() === firstIndex() − 1`.
 * 2. What a Ready asked to persist is answered from the moment the driver calls `advance`.
 * 3. Entries between `firstIndex()` and `lastIndex()` are contiguous.
 */
export interface LogReader {
  readonly initialState: () => InitialState

  /** The index of the first entry that can be read; 1 until the log is truncated at its start. */
  readonly firstIndex: () => LogIndex

  readonly lastIndex: () => LogIndex

  /**
   * The term of the entry at `index`. Also answered at `firstIndex() − 1`, whose entry is gone but
   * whose term is needed to match the entry after it (0 at index 0). `undefined` outside
   * `[firstIndex() − 1, lastIndex()]`, and only there: below is compacted, above does not exist.
   */
  readonly term: (index: LogIndex) => Term | undefined

  /**
   * The entries of `[from, until)`, cut after the last one that fits in `bytesMax` (sizes as by
   * `Entry.bytesOf`), but never cut to nothing. The range lies within the log.
   */
  readonly entries: (from: LogIndex, until: LogIndex, bytesMax: number) => ReadonlyArray<Entry>

  /** The newest snapshot that could be sent to a peer, or `undefined` if there is none just now. */
  readonly snapshot: () => Snapshot | undefined
}
