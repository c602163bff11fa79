/**
 * The memory twin of the state environments, on a {@link MemoryDisk}: atomic commits, ordered, some of
 * the last of which a crash may take; and states that are staged beside it.
 *
 * Proof: `test/contracts/StateStore.ts`, `test/contracts/StateGenerations.ts`, run by
 * `test/layers/MemoryStores.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { StateGeneration } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { Changes, keyText } from "../domain/state/Changes.ts"
import { DataDirectoryFailure, StateWriteFailure } from "../domain/state/Errors.ts"
import { makeTransact, OverlayTransaction } from "../domain/state/OverlayTransaction.ts"
import { assertKey, type StateReader } from "../domain/state/StateTransaction.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { type Staging, StateStore } from "../services/StateStore.ts"
import { copyOf, type MemoryDisk, type Tables } from "./MemoryDisk.ts"

export const layer = (options: {
  readonly disk: MemoryDisk
}): Layer.Layer<StateStore, DataDirectoryFailure, RaftLogStore> =>
  Layer.effect(
    StateStore,
    Effect.gen(function* () {
      const { disk } = options
      const { generation } = (yield* RaftLogStore).snapshotPointer()
      if (!disk.openState(generation)) {
        const cause = new Error(`the state of generation ${generation} is missing`)
        return yield* new DataDirectoryFailure({
          directory: "(memory)",
          operation: "open state",
          cause
        })
      }
      return make(disk)
    })
  )

function make(disk: MemoryDisk): StateStore["Service"] {
  const reader = readerOf(() => disk.tables)
  const writing = new Writing(disk)
  return {
    reader,
    durable: readerOf(() => disk.durableTables),
    transact: makeTransact({
      begin: () => {
        const refused = writing.refusal("commit")
        if (refused !== undefined) throw refused
        return new OverlayTransaction(reader, [])
      },
      commit: (changes) => {
        const fault = disk.commit(changes)
        if (fault !== undefined) writing.fail("commit", fault)
      }
    }),
    room: writing.unlessRefused("commit", () => {}),
    flush: writing.unlessRefused("flush", () => disk.flush()),
    ...makeGenerations(disk, writing),
    failed: Deferred.await(writing.broken)
  }
}

/** Whether this opening may still write. */
class Writing {
  readonly broken = Deferred.makeUnsafe<never, StateWriteFailure>()
  private readonly disk: MemoryDisk
  private readonly opening: number
  private failure: StateWriteFailure | undefined = undefined

  constructor(disk: MemoryDisk) {
    this.disk = disk
    this.opening = disk.opening
  }

  get isOver(): boolean {
    return this.disk.opening !== this.opening
  }

  fail(operation: string, cause: Error): void {
    this.failure = new StateWriteFailure({ operation, cause })
    Deferred.doneUnsafe(this.broken, Exit.fail(this.failure))
  }

  /** Why nothing more may be written, if so. */
  refusal(operation: string): StateWriteFailure | undefined {
    if (this.failure === undefined && this.isOver) {
      this.fail(operation, new Error("the disk has crashed since it was opened"))
    }
    return this.failure
  }

  unlessRefused<A>(operation: string, then: () => A): Effect.Effect<A, StateWriteFailure> {
    return Effect.suspend(() => {
      const refused = this.refusal(operation)
      return refused === undefined ? Effect.sync(then) : Effect.fail(refused)
    })
  }
}

const makeGenerations = (
  disk: MemoryDisk,
  writing: Writing
): Pick<StateStore["Service"], "snapshot" | "stage" | "install"> => {
  let newest: StateGeneration = disk.generation
  /** Those that may still be installed, and whether they are complete. */
  const staged = new Map<Staging, { isComplete: boolean }>()
  return {
    snapshot: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => ({ tables: copyOf(disk.durableTables), isOpen: true })),
        (moment) =>
          Effect.sync(() => {
            moment.isOpen = false
          })
      ),
      (moment) => ({
        reader: readerOf(() => {
          invariant(moment.isOpen, "a snapshot is read within its scope")
          return moment.tables
        })
      })
    ),
    stage: Effect.gen(function* () {
      newest = (newest + 1) as StateGeneration
      const generation = newest
      const state = yield* writing.unlessRefused("stage", () => disk.stageState(generation))
      const progress = { isComplete: false }
      const staging: Staging = {
        generation,
        write: (rows) =>
          writing.unlessRefused("stage", () => {
            invariant(!progress.isComplete, "nothing is added to a complete state")
            const changes = new Changes()
            for (const { key, table, value } of rows) {
              assertKey(key)
              changes.set(table, keyText(key), { key, value })
            }
            state.show(changes)
            state.keep(changes)
          }),
        complete: writing.unlessRefused("stage", () => {
          state.flush()
          progress.isComplete = true
          return readerOf(() => state.durableTables)
        })
      }
      staged.set(staging, progress)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          const isInstalled = !staged.delete(staging)
          // After a crash the disk may be another opening's already.
          if (!isInstalled && !writing.isOver) disk.removeState(generation)
        })
      )
      return staging
    }).pipe(Effect.uninterruptible),
    install: (staging, decide) =>
      Effect.gen(function* () {
        const progress = staged.get(staging)
        invariant(
          progress?.isComplete === true,
          "a complete state is installed, in its scope, once"
        )
        // From here on the log may name it.
        staged.delete(staging)
        yield* decide
        if (!writing.isOver) disk.openState(staging.generation)
      }).pipe(Effect.uninterruptible)
  }
}

const readerOf = (tables: () => Tables): StateReader => ({
  get: (table, key) => {
    assertKey(key)
    const value = tables()[table].get(keyText(key))
    return value === undefined ? undefined : Buffer.from(value)
  },
  range: (table, range) => tables()[table].range(range)
})
