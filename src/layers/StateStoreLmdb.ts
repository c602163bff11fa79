/**
 * The state on LMDB: the generation that counts, and those that are staged beside it (SPEC §8, §16).
 *
 * What must never happen here: a read that sees two generations, a staged state that outlives its
 * scope without being installed, or an installed one that does not.
 * Proof: `test/layers/LmdbStores.test.ts`, and images of power losses in `test/e2e/`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { GroupId, StateGeneration } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { RecordCorrupted } from "../domain/log/Errors.ts"
import type {
  DataDirectoryFailure,
  FormatVersionUnknown,
  StateWriteFailure
} from "../domain/state/Errors.ts"
import { makeTransact, OverlayTransaction } from "../domain/state/OverlayTransaction.ts"
import type { StateReader } from "../domain/state/StateTransaction.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { type Staging, StateStore } from "../services/StateStore.ts"
import type { StateEnvironment } from "./StateEnvironmentLmdb.ts"
import * as StateEnvironmentLmdb from "./StateEnvironmentLmdb.ts"
import { StagedRows } from "./StateStagedRows.ts"
import { readerOfTables, WriteBehind } from "./StateWriteBehind.ts"

export interface Options {
  /** Whose state it is; the service runs group 0. */
  readonly groupId?: GroupId
  /** Address space reserved for the state, not disk space; lmdb-js maps again when it is full. */
  readonly mapSizeBytes: number
  /** Keys and values of commits that wait for the one under way; beyond it there is no room. */
  readonly waitingBytesMax?: number
  /** Asked before every commit and every staged batch (SPEC §8); nothing is watched if not given. */
  readonly space?: Space | undefined
}

export type Space = Pick<FreeSpace["Service"], "shortage" | "reserve" | "release">

const endless: Space = { shortage: () => undefined, reserve: () => undefined, release: () => {} }

export const layer = (
  options: Options
): Layer.Layer<
  StateStore,
  DataDirectoryFailure | FormatVersionUnknown | RecordCorrupted | StateWriteFailure,
  DataDirectory | RaftLogStore
> => Layer.effect(StateStore, make(options))

/** A generation with the commits that are not in it yet. */
interface Current {
  readonly environment: StateEnvironment
  readonly behind: WriteBehind
}

const make = Effect.fnUntraced(function* (options: Options) {
  const { path: directory } = yield* DataDirectory
  const { generation } = (yield* RaftLogStore).snapshotPointer()
  const { groupId = 0 as GroupId, mapSizeBytes, space = endless, waitingBytesMax } = options
  const place = { directory, groupId, mapSizeBytes }
  const broken = Deferred.makeUnsafe<never, StateWriteFailure>()
  const storeScope = yield* Effect.scope
  const over = (environment: StateEnvironment): Current => {
    const { shortage } = space
    const behind = new WriteBehind(environment.databases, { broken, shortage, waitingBytesMax })
    return { environment, behind }
  }
  // A state that a snapshot has made is there, or it is lost: a new one would not be of this log.
  const opening = StateEnvironmentLmdb.open(place, { generation, isMade: generation === 0 })
  let current: Current = yield* Effect.acquireRelease(Effect.map(opening, over), () =>
    Effect.andThen(current.behind.end, current.environment.close)
  )
  yield* StateEnvironmentLmdb.removeOthers(directory, generation)
  let newest = generation
  /** Those that may still be installed. */
  const staged = new Map<Staging, { readonly environment: StateEnvironment; rows: StagedRows }>()

  const stage = Effect.gen(function* () {
    newest = (newest + 1) as StateGeneration
    const environment = yield* StateEnvironmentLmdb.openStaged(place, newest)
    const { databases } = environment
    const rows = new StagedRows({ databases, broken, space })
    const staging: Staging = {
      generation: environment.generation,
      write: (more) => rows.write(more),
      complete: Effect.as(rows.complete, readerOfTables(databases))
    }
    staged.set(staging, { environment, rows })
    yield* Effect.addFinalizer(() => {
      const isInstalled = !staged.delete(staging)
      return isInstalled ? Effect.void : Effect.andThen(rows.end, environment.remove)
    })
    return staging
  }).pipe(Effect.uninterruptible)

  const install = <E, R>(staging: Staging, decide: Effect.Effect<void, E, R>) =>
    Effect.gen(function* () {
      const next = staged.get(staging)
      invariant(next?.rows.isComplete === true, "a complete state is installed, in its scope, once")
      const { environment } = next
      // From here on the log may name it.
      staged.delete(staging)
      yield* Effect.onError(decide, () => Scope.addFinalizer(storeScope, environment.close))
      const replaced = current
      current = over(environment)
      const removal = Effect.andThen(replaced.behind.end, replaced.environment.remove)
      yield* Effect.forkIn(removal, storeScope, { startImmediately: true })
    }).pipe(Effect.uninterruptible)

  return StateStore.of({
    reader: readerOf(() => current.behind.reader),
    durable: readerOf(() => current.behind.durable),
    transact: makeTransact({
      begin: () => {
        current.behind.assertWhole()
        return new OverlayTransaction(current.behind.durable, current.behind.pending())
      },
      commit: (changes) => current.behind.commit(changes)
    }),
    room: Effect.suspend(() => current.behind.room),
    flush: Effect.suspend(() => current.behind.flush),
    snapshot: Effect.suspend(() =>
      Effect.map(current.environment.reading, (reader) => ({ reader }))
    ),
    stage,
    install,
    failed: Deferred.await(broken)
  })
})

/** Reads whichever it is at the call. */
const readerOf = (reader: () => StateReader): StateReader => ({
  get: (table, key) => reader().get(table, key),
  range: (table, range) => reader().range(table, range)
})
