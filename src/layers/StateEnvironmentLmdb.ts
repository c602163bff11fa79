/**
 * One generation of a node's state: the LMDB environment `state/<generation>` (SPEC §8, §16).
 *
 * Why a directory each: a snapshot is made whole beside the state that counts, and one commit of the
 * log says which one that is. `state` itself may be a mount point. What must never happen here: an
 * environment closed under a read transaction (lmdb-js would read unmapped memory), one removed that
 * the log points to.
 * Proof: `test/layers/LmdbStores.test.ts`, `test/layers/SnapshotCrash.test.ts`.
 */
import { readdirSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Transaction } from "lmdb"
import type { GroupId, StateGeneration } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { RecordCorrupted } from "../domain/log/Errors.ts"
import {
  DataDirectoryFailure,
  type FormatVersionUnknown,
  StateWriteFailure
} from "../domain/state/Errors.ts"
import * as FormatVersion from "../domain/state/FormatVersion.ts"
import { type StateReader, type Table, tables } from "../domain/state/StateTransaction.ts"
import * as LmdbEnvironment from "./LmdbEnvironment.ts"
import { type Databases, readerOfTables } from "./StateWriteBehind.ts"

export interface Options {
  /** The data directory. */
  readonly directory: string
  readonly groupId: GroupId
  readonly mapSizeBytes: number
}

/** `meta` is the store's own: it holds the format version. */
const tableNames = [...tables, "meta"] as const
type Environment = LmdbEnvironment.LmdbEnvironment<Table | "meta">

/** One reading of the environment; two of one moment may share a transaction, which counts them. */
interface Reading {
  readonly transaction: Transaction
}

/** An open environment; its owner ends it, once. */
export class StateEnvironment {
  readonly generation: StateGeneration
  readonly databases: Databases
  private readonly options: Options
  private readonly root: Environment["root"]
  private readonly scope: Scope.Closeable
  private readonly readings = new Set<Reading>()
  /** Called when the last read transaction has ended, if somebody waits for it. */
  private unread: (() => void) | undefined = undefined

  constructor(
    fields: Pick<StateEnvironment, "generation"> & {
      readonly options: Options
      readonly environment: Environment
      readonly scope: Scope.Closeable
    }
  ) {
    const { environment, generation, options, scope } = fields
    this.generation = generation
    this.databases = environment.tables
    this.root = environment.root
    this.options = options
    this.scope = scope
  }

  /** One moment of what is durable. */
  get reading(): Effect.Effect<StateReader, never, Scope.Scope> {
    const begin = Effect.sync(() => {
      const reading = { transaction: this.root.useReadTransaction() }
      // lmdb-js shares a read transaction among all who read in one turn, and keeps cursors of it for
      // the next: take this one out of that.
      this.root.resetReadTxn()
      this.readings.add(reading)
      return reading
    })
    return Effect.map(
      Effect.acquireRelease(begin, (reading) => Effect.sync(() => this.end(reading))),
      (reading) => {
        const reader = readerOfTables(this.databases, reading.transaction)
        const whileOpen = <A>(read: () => A): A => {
          invariant(this.readings.has(reading), "a snapshot is read within its scope")
          return read()
        }
        return {
          get: (table, key) => whileOpen(() => reader.get(table, key)),
          range: (table, range) => whileOpen(() => reader.range(table, range))
        }
      }
    )
  }

  private end(reading: Reading): void {
    if (!this.readings.delete(reading)) return
    reading.transaction.done()
    if (this.readings.size === 0) this.unread?.()
  }

  /** Closed with the store: whoever still reads has lost. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const reading of this.readings) this.end(reading)
      return Scope.close(this.scope, Exit.void)
    })
  }

  /** Closed when nobody reads it any more, and removed; also if the waiting is interrupted. */
  get remove(): Effect.Effect<void> {
    const whenUnread = Effect.callback<void>((resume) => {
      if (this.readings.size === 0) return resume(Effect.void)
      this.unread = () => resume(Effect.void)
    })
    // What cannot be removed now is tried again at the next opening.
    const removed = removeGeneration(this.options.directory, String(this.generation)).pipe(
      Effect.catch((cause) => Effect.logWarning("a state of the past could not be removed", cause))
    )
    return Effect.ensuring(whenUnread, Effect.andThen(this.close, removed))
  }
}

type OpenFailure = DataDirectoryFailure | FormatVersionUnknown | RecordCorrupted | StateWriteFailure

/** Opens the environment of a generation, which must be there unless it may be made. */
export const open = (
  options: Options,
  { generation, isMade }: { readonly generation: StateGeneration; readonly isMade: boolean }
): Effect.Effect<StateEnvironment, OpenFailure> =>
  Effect.gen(function* () {
    const { directory, groupId, mapSizeBytes } = options
    const scope = yield* Scope.make()
    const opening = Effect.gen(function* () {
      const environment = yield* LmdbEnvironment.acquire({
        directory,
        environment: "state",
        generation,
        isMade,
        tables: tableNames,
        mapSizeBytes
      })
      yield* checkFormat(groupId, environment)
      return new StateEnvironment({ options, environment, generation, scope })
    })
    return yield* Scope.provide(opening, scope).pipe(
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  })

const formatKey = Buffer.from("formatVersion")

const checkFormat = (
  groupId: GroupId,
  { root, tables: databases }: Environment
): Effect.Effect<void, FormatVersionUnknown | RecordCorrupted | StateWriteFailure> =>
  Effect.suspend(
    (): Effect.Effect<void, FormatVersionUnknown | RecordCorrupted | StateWriteFailure> => {
      const record = databases.meta.get(formatKey)
      const isEmpty = tables.every(
        (table) => readerOfTables(databases).range(table, { limit: 1 }).length === 0
      )
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

/** The name of a generation, or of one that was being made. */
const generationName = /^\d+(\.unfinished)?$/

/** What a crash has left of other generations than the one that counts. */
export const removeOthers = (
  directory: string,
  generation: StateGeneration
): Effect.Effect<void, DataDirectoryFailure> =>
  Effect.gen(function* () {
    const names = yield* Effect.try({
      try: () => readdirSync(join(directory, "state")),
      catch: (cause) => new DataDirectoryFailure({ directory, operation: "list the states", cause })
    })
    const others = names.filter((name) => generationName.test(name) && name !== String(generation))
    yield* Effect.forEach(others, (name) => removeGeneration(directory, name), { discard: true })
  })

const removeGeneration = (
  directory: string,
  name: string
): Effect.Effect<void, DataDirectoryFailure> =>
  Effect.tryPromise({
    try: () => rm(join(directory, "state", name), { recursive: true, force: true }),
    catch: (cause) =>
      new DataDirectoryFailure({ directory, operation: `remove state ${name}`, cause })
  })

/** Opens an empty environment, whatever an earlier attempt has left there. */
export const openStaged = (
  options: Options,
  generation: StateGeneration
): Effect.Effect<StateEnvironment, DataDirectoryFailure | StateWriteFailure> =>
  Effect.andThen(
    removeGeneration(options.directory, String(generation)),
    open(options, { generation, isMade: true })
  ).pipe(
    // A new one has the format of this release.
    Effect.catchTags({ FormatVersionUnknown: Effect.die, RecordCorrupted: Effect.die })
  )
