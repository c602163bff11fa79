/**
 * The state environment on LMDB (SPEC §8): atomic, ordered commits, flushed in the background.
 *
 * A commit is one synchronous transaction, which is rolled back if its body throws (an asynchronous
 * one is not). What must never happen: half of a run of entries. Proof: `test/contracts/StateStore.ts`.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Database, open, type RootDatabase } from "lmdb"
import { DataDirectoryFailure, StateWriteFailure } from "../domain/state/Errors.ts"
import {
  type KeyRange,
  type Row,
  type StateReader,
  type StateTransaction,
  type Table,
  tables
} from "../domain/state/StateTransaction.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import { StateStore } from "../services/StateStore.ts"
import { observed } from "./LmdbFailure.ts"

export interface StateStoreOptions {
  /** Address space; the file grows as it is written. */
  readonly mapSizeBytes: number
}

const pageBytes = 8192

/** Of lmdb, and missing from its types: recovers from the last flushed commit after a power loss. */
const safeRestore: object = { safeRestore: true }

const openEnvironment = Effect.fnUntraced(function* (options: StateStoreOptions) {
  const { path: directory } = yield* DataDirectory
  return yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        open<Buffer, Buffer>({
          path: join(directory, "state"),
          encoding: "binary",
          keyEncoding: "binary",
          overlappingSync: true,
          cache: false,
          noMemInit: false,
          compression: false,
          mapSize: options.mapSizeBytes,
          pageSize: pageBytes,
          maxDbs: tables.length + 1,
          ...safeRestore
        }),
      catch: (cause) => new DataDirectoryFailure({ directory, operation: "open the state", cause })
    }),
    (environment) => Effect.promise(() => environment.flushed.then(() => environment.close()))
  )
})

type Databases = Record<Table, Database<Buffer, Buffer>>

const openTables = (environment: RootDatabase<Buffer, Buffer>): Databases => {
  const table = (name: Table) =>
    environment.openDB<Buffer, Buffer>({ name, encoding: "binary", keyEncoding: "binary" })
  return {
    kv: table("kv"),
    sidecar: table("sidecar"),
    writers: table("writers"),
    members: table("members"),
    sessions: table("sessions"),
    applied: table("applied")
  }
}

const asKey = (key: Uint8Array): Buffer =>
  Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength)

const readerOf = (databases: Databases): StateReader => ({
  get: (table, key) => databases[table].get(asKey(key)),
  range: (table, { from, limit, until }: KeyRange): ReadonlyArray<Row> => [
    ...databases[table].getRange({
      ...(from === undefined ? {} : { start: asKey(from) }),
      ...(until === undefined ? {} : { end: asKey(until) }),
      ...(limit === undefined ? {} : { limit })
    })
  ]
})

const make = Effect.fnUntraced(function* (options: StateStoreOptions) {
  const environment = yield* openEnvironment(options)
  const databases = openTables(environment)
  const reader = readerOf(databases)
  const transaction: StateTransaction = {
    ...reader,
    put: (table, key, value) => {
      databases[table].putSync(asKey(key), asKey(value))
    },
    remove: (table, key) => {
      databases[table].removeSync(asKey(key))
    }
  }
  let failure: StateWriteFailure | undefined

  const transact = <A>(body: (transaction: StateTransaction) => A): A => {
    if (failure !== undefined) throw failure
    let thrown: { readonly error: unknown } | undefined
    let result: { readonly value: A } | undefined
    try {
      environment.transactionSync(() => {
        try {
          result = { value: body(transaction) }
        } catch (error) {
          thrown = { error }
          throw error
        }
      })
    } catch (cause) {
      if (thrown !== undefined) throw thrown.error
      failure = new StateWriteFailure({ operation: "commit", cause: observed(cause) })
      throw failure
    }
    return (result as { readonly value: A }).value
  }
  const flush = Effect.suspend(() =>
    failure === undefined
      ? Effect.tryPromise({
          try: () => environment.flushed,
          catch: (cause) => new StateWriteFailure({ operation: "flush", cause: observed(cause) })
        })
      : Effect.fail(failure)
  ).pipe(Effect.asVoid)
  return StateStore.of({ reader, transact, flush })
})

/** Flushed and closed when the layer is released. */
export const layer = (options: StateStoreOptions) => Layer.effect(StateStore, make(options))
