/**
 * The state environment on LMDB, written behind (SPEC §8).
 *
 * A commit is visible at once, as changes that lie over the environment, and becomes durable in the
 * background: one LMDB transaction at a time carries all commits that came while the one before it
 * was synced. What must never happen here: a commit split over two LMDB transactions, commits that
 * reach the disk out of order, a change dropped before a read of the environment finds it there, a
 * write tried again after one failed.
 * Proof: `test/layers/LmdbStores.test.ts`, and images of power losses in `test/e2e/`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { GroupId } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import type { RecordCorrupted } from "../domain/log/Errors.ts"
import { Changes, readerOver } from "../domain/state/Changes.ts"
import {
  type DataDirectoryFailure,
  type FormatVersionUnknown,
  StateWriteFailure
} from "../domain/state/Errors.ts"
import * as FormatVersion from "../domain/state/FormatVersion.ts"
import { makeTransact, OverlayTransaction } from "../domain/state/OverlayTransaction.ts"
import {
  assertKey,
  isEmptyRange,
  type KeyRange,
  type Row,
  type StateReader,
  type Table,
  tables
} from "../domain/state/StateTransaction.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import { StateStore } from "../services/StateStore.ts"
import * as LmdbEnvironment from "./LmdbEnvironment.ts"
import { causeOf, observeLater } from "./LmdbFailure.ts"

export interface Options {
  /** Whose state it is; the service runs group 0. */
  readonly groupId?: GroupId
  /** Address space reserved for the state, not disk space; lmdb-js maps again when it is full. */
  readonly mapSizeBytes: number
  /** Keys and values of commits that wait for the one under way; beyond it there is no room. */
  readonly waitingBytesMax?: number
  /** Why a commit of so many bytes must not begin (SPEC §8); nothing is watched if not given. */
  readonly shortage?: FreeSpace["Service"]["shortage"] | undefined
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
        mapSizeBytes: options.mapSizeBytes
      })
      yield* checkFormat(options.groupId ?? (0 as GroupId), environment)
      const behind = new WriteBehind(environment, options)
      yield* Effect.addFinalizer(() => behind.end)
      return makeStateStore(behind)
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

/** The commits that are not durable yet, and the one LMDB transaction under way. */
class WriteBehind {
  readonly durable: StateReader
  readonly reader: StateReader
  /** In LMDB's hands; read by pointer until it is durable. */
  private writing: Changes | undefined = undefined
  private waiting = new Changes()
  private readonly databases: Environment["tables"]
  private readonly waitingBytesMax: number
  private readonly shortage: NonNullable<Options["shortage"]>
  private readonly broken = Deferred.makeUnsafe<never, StateWriteFailure>()
  private failure: StateWriteFailure | undefined = undefined
  /** Told after every LMDB transaction, whatever became of it. */
  private listeners: Array<() => void> = []

  constructor({ tables: databases }: Environment, options: Options) {
    this.databases = databases
    this.waitingBytesMax = options.waitingBytesMax ?? Limits.stateWaitingBytesMax
    this.shortage = options.shortage ?? (() => undefined)
    this.durable = {
      get: (table, key) => {
        assertKey(key)
        return databases[table].get(key)
      },
      range: (table, range) => rangeOf(databases[table], range)
    }
    this.reader = readerOver(this.durable, () => this.pending())
  }

  /** The newest first. */
  pending(): ReadonlyArray<Changes> {
    return this.writing === undefined ? [this.waiting] : [this.waiting, this.writing]
  }

  assertWhole(): void {
    if (this.failure !== undefined) throw this.failure
  }

  commit(changes: Changes): void {
    if (changes.isEmpty) return
    this.waiting.add(changes)
    if (this.writing === undefined) this.write()
  }

  get room(): Effect.Effect<void, StateWriteFailure> {
    return this.until(() => this.waiting.bytes < this.waitingBytesMax)
  }

  get flush(): Effect.Effect<void, StateWriteFailure> {
    return Effect.suspend(() => {
      const last = this.waiting.isEmpty ? this.writing : this.waiting
      return this.until(() => last === undefined || !this.pending().includes(last))
    })
  }

  get failed(): Effect.Effect<never, StateWriteFailure> {
    return Deferred.await(this.broken)
  }

  /** A failure that was there before is known: whoever drives the store has been told. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.failure !== undefined
        ? Effect.void
        : Effect.catch(this.flush, (cause) =>
            Effect.logError("the last commits of the state could not be written", cause)
          )
    )
  }

  private until(holds: () => boolean): Effect.Effect<void, StateWriteFailure> {
    return Effect.callback((resume) => {
      const look = () => {
        if (this.failure !== undefined) resume(Effect.fail(this.failure))
        else if (holds()) resume(Effect.void)
        else this.listeners.push(look)
      }
      look()
    })
  }

  /** Everything that waits, in one turn: one LMDB transaction, of one promise or of a few. */
  private write(): void {
    const changes = this.waiting
    this.waiting = new Changes()
    this.writing = changes
    const tooFull = this.shortage(changes.bytes)
    if (tooFull !== undefined) return this.fail(tooFull)
    const promises = new Set<Promise<boolean>>()
    try {
      changes.forEach((table, _text, { key, value }) => {
        const database = this.databases[table]
        promises.add(value === undefined ? database.remove(key) : database.put(key, value))
      })
    } catch (cause) {
      return this.fail(cause)
    }
    observeLater(this.databases.applied)
    Promise.all(promises).then(
      () => this.written(),
      (error) => causeOf(error).then((cause) => this.fail(cause))
    )
  }

  private written(): void {
    this.writing = undefined
    if (!this.waiting.isEmpty) this.write()
    this.tell()
  }

  /** What could not be written stays visible: the node stops, and replays it from the log. */
  private fail(cause: unknown): void {
    this.failure ??= new StateWriteFailure({ operation: "commit", cause })
    Deferred.doneUnsafe(this.broken, Exit.fail(this.failure))
    this.tell()
  }

  private tell(): void {
    const { listeners } = this
    this.listeners = []
    for (const listener of listeners) listener()
  }
}

const makeStateStore = (behind: WriteBehind): StateStore["Service"] => ({
  reader: behind.reader,
  durable: behind.durable,
  transact: makeTransact({
    begin: () => {
      behind.assertWhole()
      return new OverlayTransaction(behind.durable, behind.pending())
    },
    commit: (changes) => behind.commit(changes)
  }),
  room: behind.room,
  flush: behind.flush,
  failed: behind.failed
})

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
