/**
 * One state environment on LMDB, written behind (SPEC §8).
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
import type { Transaction } from "lmdb"
import * as Limits from "../domain/Limits.ts"
import { Changes, readerOver } from "../domain/state/Changes.ts"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import {
  assertKey,
  isEmptyRange,
  type KeyRange,
  type Row,
  type StateReader,
  type Table,
  taken
} from "../domain/state/StateTransaction.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import type { TableDatabase } from "./LmdbEnvironment.ts"
import { causeOf, observeLater } from "./LmdbFailure.ts"

export type Databases = Readonly<Record<Table, TableDatabase>>

export interface Options {
  /** Told of the first write that failed. */
  readonly broken: Deferred.Deferred<never, StateWriteFailure>
  /** Keys and values of commits that wait for the one under way; beyond it there is no room. */
  readonly waitingBytesMax?: number | undefined
  /** Why a commit of so many bytes must not begin (SPEC §8); nothing is watched if not given. */
  readonly shortage?: FreeSpace["Service"]["shortage"] | undefined
}

/** The commits that are not durable yet, and the one LMDB transaction under way. */
export class WriteBehind {
  readonly durable: StateReader
  readonly reader: StateReader
  /** In LMDB's hands; read by pointer until it is durable. */
  private writing: Changes | undefined = undefined
  private waiting = new Changes()
  private readonly databases: Databases
  private readonly waitingBytesMax: number
  private readonly shortage: FreeSpace["Service"]["shortage"]
  private readonly broken: Deferred.Deferred<never, StateWriteFailure>
  private failure: StateWriteFailure | undefined = undefined
  /** Told after every LMDB transaction, whatever became of it. */
  private listeners: Array<() => void> = []

  constructor(databases: Databases, { broken, shortage, waitingBytesMax }: Options) {
    this.databases = databases
    this.broken = broken
    this.waitingBytesMax = waitingBytesMax ?? Limits.stateWaitingBytesMax
    this.shortage = shortage ?? (() => undefined)
    this.durable = readerOfTables(databases)
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

/** Reads what is durable: of now, or of a read transaction. */
export const readerOfTables = (
  databases: Databases,
  transaction?: Transaction | undefined
): StateReader => {
  const options = transaction === undefined ? undefined : { transaction }
  return {
    get: (table, key) => {
      assertKey(key)
      return databases[table].get(key, options)
    },
    range: (table, range) => rangeOf(databases[table], range, transaction)
  }
}

/** lmdb-js copies keys and values out of the map. */
function rangeOf(
  database: TableDatabase,
  range: KeyRange,
  transaction: Transaction | undefined
): ReadonlyArray<Row> {
  if (isEmptyRange(range)) return []
  const { from, until, limit } = range
  const rows = database.getRange({
    ...(from === undefined || from.length === 0 ? {} : { start: from }),
    ...(until === undefined ? {} : { end: until }),
    ...(limit === undefined ? {} : { limit }),
    ...(transaction === undefined ? {} : { transaction })
  })
  return taken(rows, range)
}
