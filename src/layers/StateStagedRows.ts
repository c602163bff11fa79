/**
 * The rows of a snapshot on their way into an environment of their own, in bounded batches (SPEC §16).
 *
 * One batch is written while the next is collected; whoever brings more waits. What must never happen
 * here: memory that grows with the snapshot, a disk filled with it below what users must leave, rows
 * called complete that are not durable.
 * Proof: `test/contracts/StateGenerations.ts`, `test/e2e/SnapshotMemory.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SpaceLow } from "../domain/engine/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import type { TableRow } from "../domain/snapshot/SnapshotStream.ts"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import { assertKey } from "../domain/state/StateTransaction.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import { causeOf, observeLater } from "./LmdbFailure.ts"
import type { Databases } from "./StateWriteBehind.ts"

export interface Options {
  readonly databases: Databases
  /** Told of a commit that failed: lmdb-js must not be used after it. */
  readonly broken: Deferred.Deferred<never, StateWriteFailure>
  readonly space: Pick<FreeSpace["Service"], "reserve" | "release">
}

export class StagedRows {
  private readonly options: Options
  private batch: Array<TableRow> = []
  private batchBytes = 0
  /** The batch in LMDB's hands: why it could not be written, if so. Never rejects. */
  private writing: Promise<StateWriteFailure | undefined> = Promise.resolve(undefined)
  private state: "open" | "complete" = "open"

  constructor(options: Options) {
    this.options = options
  }

  get isComplete(): boolean {
    return this.state === "complete"
  }

  write(rows: ReadonlyArray<TableRow>): Effect.Effect<void, SpaceLow | StateWriteFailure> {
    return Effect.suspend(() => {
      invariant(this.state === "open", "nothing is added to a complete state")
      for (const row of rows) {
        assertKey(row.key)
        this.batch.push(row)
      }
      this.batchBytes += bytesOf(rows)
      return this.batchBytes < Limits.stagedBatchBytes ? Effect.void : this.writeBatch
    })
  }

  get complete(): Effect.Effect<void, SpaceLow | StateWriteFailure> {
    return this.writeBatch.pipe(
      Effect.andThen(this.written),
      Effect.andThen(
        Effect.sync(() => {
          this.state = "complete"
        })
      )
    )
  }

  /** Nothing is in LMDB's hands any more. */
  get end(): Effect.Effect<void> {
    return Effect.asVoid(Effect.promise(() => this.writing))
  }

  private get written(): Effect.Effect<void, StateWriteFailure> {
    return Effect.flatMap(
      Effect.promise(() => this.writing),
      (failure) => (failure === undefined ? Effect.void : Effect.fail(failure))
    )
  }

  private get writeBatch(): Effect.Effect<void, SpaceLow | StateWriteFailure> {
    return Effect.andThen(
      this.written,
      Effect.suspend(() => {
        const { batch, batchBytes } = this
        const { release, reserve } = this.options.space
        const low = reserve(batchBytes)
        if (low !== undefined) return Effect.fail(low)
        this.batch = []
        this.batchBytes = 0
        // LMDB reads the rows by pointer, so they are kept until then.
        this.writing = this.put(batch).finally(() => release(bytesOf(batch)))
        return Effect.void
      })
    )
  }

  /** In one turn, so one LMDB transaction; durable when it resolves. */
  private put(rows: ReadonlyArray<TableRow>): Promise<StateWriteFailure | undefined> {
    const { databases } = this.options
    try {
      const promises = new Set(
        rows.map(({ key, table, value }) => databases[table].put(key, value))
      )
      observeLater(databases.applied)
      return Promise.all(promises).then(
        () => undefined,
        async (error: unknown) => this.failed(await causeOf(error))
      )
    } catch (cause) {
      return Promise.resolve(this.failed(cause))
    }
  }

  private failed(cause: unknown): StateWriteFailure {
    const failure = new StateWriteFailure({ operation: "stage", cause })
    Deferred.doneUnsafe(this.options.broken, Exit.fail(failure))
    return failure
  }
}

const bytesOf = (rows: ReadonlyArray<TableRow>): number =>
  rows.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0)
