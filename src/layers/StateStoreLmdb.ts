/**
 * The state environment on LMDB (SPEC §8).
 *
 * Every transaction is one `transactionSync`: it can be rolled back, which lmdb-js's asynchronous ones
 * cannot, and lmdb-js flushes it before it returns. So this store keeps more than the contract asks:
 * a commit is durable at once, and `flush` finds nothing left to do. What must never happen here: a
 * body that returns lmdb-js's promise to `transactionSync` (it would take it for an asynchronous body
 * and leave the transaction open), a write tried again after one failed.
 * Proof: `test/layers/LmdbStores.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { GroupId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { RecordCorrupted } from "../domain/log/Errors.ts"
import {
  type DataDirectoryFailure,
  type FormatVersionUnknown,
  StateWriteFailure
} from "../domain/state/Errors.ts"
import * as FormatVersion from "../domain/state/FormatVersion.ts"
import {
  assertKey,
  isEmptyRange,
  type KeyRange,
  type Row,
  type StateReader,
  type StateTransaction,
  type Table,
  tables
} from "../domain/state/StateTransaction.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import { StateStore } from "../services/StateStore.ts"
import * as LmdbEnvironment from "./LmdbEnvironment.ts"

export interface Options {
  /** Whose state it is; the service runs group 0. */
  readonly groupId?: GroupId
  /** Address space reserved for the state, not disk space; lmdb-js maps again when it is full. */
  readonly mapSizeBytes: number
}

export const layer = (
  options: Options
): Layer.Layer<
  StateStore,
  DataDirectoryFailure | FormatVersionUnknown | RecordCorrupted | StateWriteFailure,
  DataDirectory
> =>
  Layer.effect(
    StateStore,
    Effect.gen(function* () {
      const { path } = yield* DataDirectory
      const environment = yield* LmdbEnvironment.acquire({
        directory: path,
        environment: "state",
        tables: tableNames,
        mapSizeBytes: options.mapSizeBytes,
        overlappingSync: true
      })
      yield* checkFormat(options.groupId ?? (0 as GroupId), environment)
      return makeStateStore(environment)
    })
  )

/** `meta` is the store's own: it holds the format version. */
const tableNames = [...tables, "meta"] as const
type Environment = LmdbEnvironment.LmdbEnvironment<Table | "meta">

const formatKey = Buffer.from("formatVersion")

const checkFormat = (
  groupId: GroupId,
  { root, tables: databases }: Environment
): Effect.Effect<void, FormatVersionUnknown | RecordCorrupted | StateWriteFailure> =>
  Effect.suspend(
    (): Effect.Effect<void, FormatVersionUnknown | RecordCorrupted | StateWriteFailure> => {
      const record = databases.meta.get(formatKey)
      const isEmpty = tables.every((table) => rangeOf(databases[table], { limit: 1 }).length === 0)
      if (record !== undefined || !isEmpty) {
        return Effect.fromResult(FormatVersion.check("state", groupId, record))
      }
      return Effect.try({
        try: () => {
          root.transactionSync(() => {
            databases.meta.put(formatKey, FormatVersion.encode("state", groupId))
          })
        },
        catch: (cause) => new StateWriteFailure({ operation: "create", cause })
      })
    }
  )

function makeStateStore({ root, tables: databases }: Environment): StateStore["Service"] {
  let failure: StateWriteFailure | undefined
  let isTransacting = false

  const failed = (operation: string, cause: unknown): StateWriteFailure => {
    failure ??= new StateWriteFailure({ operation, cause })
    return failure
  }

  const attempt = <A>(operation: string, write: () => A): A => {
    invariant(isTransacting, "a transaction is used only by its own body")
    try {
      return write()
    } catch (cause) {
      throw failed(operation, cause)
    }
  }

  const get = (table: Table, key: Uint8Array): Uint8Array | undefined => {
    assertKey(key)
    return databases[table].get(key)
  }
  const reader: StateReader = { get, range: (table, range) => rangeOf(databases[table], range) }

  const transaction: StateTransaction = {
    ...reader,
    put: (table, key, value) => {
      assertKey(key)
      attempt("put", () => databases[table].put(key, value))
    },
    remove: (table, key) => {
      assertKey(key)
      attempt("remove", () => databases[table].remove(key))
    }
  }

  const transact = <A>(body: (transaction: StateTransaction) => A): A => {
    if (failure !== undefined) throw failure
    invariant(!isTransacting, "transactions do not nest")
    let outcome: Result.Result<A, unknown> | undefined
    isTransacting = true
    try {
      root.transactionSync(() => {
        outcome = Result.try({ try: () => body(transaction), catch: (error) => error })
        if (Result.isFailure(outcome)) throw outcome.failure
        // A failed write that the body swallowed must not be committed around.
        if (failure !== undefined) throw failure
      })
    } catch (cause) {
      if (failure !== undefined) throw failure
      if (outcome !== undefined && Result.isFailure(outcome)) throw outcome.failure
      throw failed("commit", cause)
    } finally {
      isTransacting = false
    }
    invariant(outcome !== undefined && Result.isSuccess(outcome), "a committed body has returned")
    return outcome.success
  }

  const flush = Effect.suspend(() =>
    failure !== undefined
      ? Effect.fail(failure)
      : Effect.mapError(LmdbEnvironment.sync(root), (cause) => failed("flush", cause))
  )

  return { reader, transact, flush }
}

/** lmdb-js copies keys and values out of the map. */
function rangeOf(database: LmdbEnvironment.TableDatabase, range: KeyRange): ReadonlyArray<Row> {
  if (isEmptyRange(range)) return []
  const { from, until, limit } = range
  return Array.from(
    database.getRange({
      ...(from === undefined || from.length === 0 ? {} : { start: from }),
      ...(until === undefined ? {} : { end: until }),
      ...(limit === undefined ? {} : { limit })
    }),
    ({ key, value }) => ({ key, value })
  )
}
