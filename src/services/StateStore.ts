/**
 * The durable state of one group (SPEC §8, environment `state`): what applied entries have made.
 *
 * Commits are atomic and ordered, visible at once, and written behind: after a crash the state is
 * exactly that of some earlier commit, and the log replays from there. A snapshot that is installed is
 * another environment, which takes the place of this one: the log says which generation counts. What
 * must never happen: a log truncated above what {@link StateStore} `durable` holds; a state that is
 * part of one generation and part of another.
 * Proof: `test/contracts/StateStore.ts`, `test/contracts/StateGenerations.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SpaceLow } from "../domain/engine/Errors.ts"
import type { StateGeneration } from "../domain/Ids.ts"
import type { TableRow } from "../domain/snapshot/SnapshotStream.ts"
import type { DataDirectoryFailure, StateWriteFailure } from "../domain/state/Errors.ts"
import type { StateReader, StateTransaction } from "../domain/state/StateTransaction.ts"

/** One moment of the durable state. */
export interface StateSnapshot {
  /** Answers as of that moment while the scope is open; then it is a bug to ask. */
  readonly reader: StateReader
}

/** Why a snapshot cannot be staged. Only a `StateWriteFailure` is fatal to the node. */
export type StagingFailure = SpaceLow | DataDirectoryFailure | StateWriteFailure

/** A state that is made beside the one that counts, row by row; one fibre writes it. */
export interface Staging {
  readonly generation: StateGeneration
  /**
   * Takes rows, in the order of a snapshot, and returns when there is room for more. The bytes are the
   * store's until then. Fails with `SpaceLow` where a user's request would.
   */
  readonly write: (rows: ReadonlyArray<TableRow>) => Effect.Effect<void, StagingFailure>
  /** Returns when every row is durable, with a reader of them. Then nothing more is written. */
  readonly complete: Effect.Effect<StateReader, StagingFailure>
}

export class StateStore extends Context.Service<
  StateStore,
  {
    /** Reads of the last commit, synchronous. */
    readonly reader: StateReader
    /** Reads of what a crash at this moment would leave, or of something older. */
    readonly durable: StateReader
    /**
     * Runs `body` and commits what it wrote, all or nothing, before it returns; plain and synchronous
     * because the applier calls it once per run of entries. If `body` throws, nothing is written and
     * the same error is thrown. Throws `StateWriteFailure` if an earlier commit could not be written:
     * the node must stop.
     */
    readonly transact: <A>(body: (transaction: StateTransaction) => A) => A
    /**
     * Returns when the commits that are not durable yet leave room for one more. Wait for it before
     * a `transact`: this is what bounds the memory of a store whose disk is slow.
     */
    readonly room: Effect.Effect<void, StateWriteFailure>
    /** Returns when everything committed before the call is durable. */
    readonly flush: Effect.Effect<void, StateWriteFailure>
    /**
     * The durable state of this moment, for as long as the scope lives: no commit changes it, nor does
     * an installation. It costs disk space meanwhile: pages that are replaced are kept for it.
     */
    readonly snapshot: Effect.Effect<StateSnapshot, never, Scope.Scope>
    /**
     * An empty state of a generation of its own. Removed when the scope closes, unless it has been
     * installed; after a crash, at the next opening.
     */
    readonly stage: Effect.Effect<Staging, StagingFailure, Scope.Scope>
    /**
     * Runs `decide`, which says in the log that the complete staging counts (`RaftLogStore.install`);
     * then readers, transactions and snapshots see it, and the old state is removed when no snapshot of
     * it is read any more. If `decide` fails, nobody knows which one the log names: both stay until the
     * next opening, and the node must stop. Uninterruptible; never beside a `transact`.
     */
    readonly install: <E, R>(
      staging: Staging,
      decide: Effect.Effect<void, E, R>
    ) => Effect.Effect<void, E, R>
    /** Fails when a commit could not be written; whoever drives the store races it. */
    readonly failed: Effect.Effect<never, StateWriteFailure>
  }
>()("sealog/StateStore") {}
