/**
 * The durable Raft log and hard state of one group (SPEC §8, environment `log`).
 *
 * Nothing may vouch for an entry, a vote or a term before `persist` has returned. Proof: the contract
 * suite `test/contracts/RaftLogStore.ts`, run against every layer.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LogIndex } from "../domain/Ids.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { SnapshotPointer } from "../domain/log/SnapshotPointer.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import type { HardState } from "../domain/raft/HardState.ts"
import type { LogReader } from "../domain/raft/LogReader.ts"

/** One durable commit. */
export interface LogWrite {
  /** Contiguous; replace everything in the store from their first index on. May be empty. */
  readonly entries: ReadonlyArray<Entry>
  /** Written in the same commit as the entries. */
  readonly hardState: HardState | undefined
}

/** What a log is to forget. */
export interface Compaction {
  /** The last entry that goes; it is durable in the state: the caller's to know. */
  readonly through: LogIndex
  /** The cutover index of that state; 0 = not cut over. */
  readonly cutover: LogIndex
}

/** A snapshot that is whole and durable in a state of its own, to take the place of the log's prefix. */
export interface Installation extends SnapshotPointer {
  /** Written in the same commit, with a commit index raised to that of the snapshot. */
  readonly hardState?: HardState | undefined
}

export class RaftLogStore extends Context.Service<
  RaftLogStore,
  {
    /**
     * Synchronous reads, for the core and the applier.
     *
     * **Invariants** (1) answers what the last `persist` that *returned* left; (2) a damaged record is
     * thrown as `LogCorrupted` or `RecordCorrupted`, never answered as "no entry".
     */
    readonly reader: Omit<LogReader, "initialState" | "snapshot">
    /** The last hard state persisted, or the initial one. Throws `RecordCorrupted`. */
    readonly hardState: () => HardState
    /**
     * Writes everything in one commit and returns when it is durable (fsynced). All or nothing in a
     * crash. Uninterruptible. Any failure is fatal to the node: never retried, every later call fails.
     */
    readonly persist: (write: LogWrite) => Effect.Effect<void, LogWriteFailure>
    /** What the entries take on disk, about: counted as they come and go. */
    readonly bytes: () => number
    /** What the log begins after, and which state goes with it; the initial one in a new log. */
    readonly snapshotPointer: () => SnapshotPointer
    /**
     * Forgets the entries up to and including `through`, of which the last one's term stays known; in
     * small commits, each durable, and beside a `persist` under way. What is forgotten must be durable
     * in the state (SPEC §8): the caller's to know. A crash leaves a log that begins somewhere between.
     */
    readonly compact: (compaction: Compaction) => Effect.Effect<void, LogWriteFailure>
    /**
     * Lets the log begin after a snapshot, and the state of `generation` be the state that counts: one
     * durable commit, before which a crash leaves the old log and state, and after which the new ones.
     * Entries above stay if the log holds that of the snapshot, else none stays. Never beside a
     * `persist`. Uninterruptible; a failure is as fatal as that of a `persist`.
     */
    readonly install: (installation: Installation) => Effect.Effect<void, LogWriteFailure>
  }
>()("sealog/RaftLogStore") {}
