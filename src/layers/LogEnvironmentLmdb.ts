/**
 * The log environment on LMDB: the Raft log, the hard state and what is local (SPEC §8).
 *
 * Every commit is fsynced before its promise settles (`overlappingSync: false`). What must never
 * happen: a cursor that moves before the write that makes it true, a buffer touched before its commit
 * has settled (LMDB reads it by pointer), a write after a failed one.
 * Proof: `test/contracts/`, run by `test/layers/LogEnvironment.test.ts`.
 */
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { type Database, open, type RootDatabase } from "lmdb"
import type { GroupId, LogIndex, Term } from "../domain/Ids.ts"
import * as EntryRecord from "../domain/log/EntryRecord.ts"
import { LogCorrupted, LogWriteFailure } from "../domain/log/Errors.ts"
import * as HardStateRecord from "../domain/log/HardStateRecord.ts"
import * as LocalRecord from "../domain/log/LocalRecord.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as EntrySize from "../domain/raft/Entry.ts"
import * as HardState from "../domain/raft/HardState.ts"
import { DataDirectoryFailure } from "../domain/state/Errors.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import { LocalStore } from "../services/LocalStore.ts"
import { type LogWrite, RaftLogStore } from "../services/RaftLogStore.ts"
import { observed } from "./LmdbFailure.ts"

export interface LogEnvironmentOptions {
  readonly groupId: GroupId
  /** Address space; the file grows as it is written. */
  readonly mapSizeBytes: number
}

type Table = Database<Buffer, Buffer>

const hardStateKey = Buffer.from("hardState")
const localKey = Buffer.from("local")
const pageBytes = 8192

const openEnvironment = Effect.fnUntraced(function* (options: LogEnvironmentOptions) {
  const { path: directory } = yield* DataDirectory
  return yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        open<Buffer, Buffer>({
          path: join(directory, "log"),
          encoding: "binary",
          keyEncoding: "binary",
          overlappingSync: false,
          cache: false,
          noMemInit: false,
          compression: false,
          mapSize: options.mapSizeBytes,
          pageSize: pageBytes,
          maxDbs: 4
        }),
      catch: (cause) => new DataDirectoryFailure({ directory, operation: "open the log", cause })
    }),
    (environment) => Effect.promise(() => environment.close())
  )
})

/** The writer of one environment: after a failure nothing is written any more. */
function makeWriter(): (
  operation: string,
  put: () => Promise<unknown>
) => Effect.Effect<void, LogWriteFailure> {
  let failure: LogWriteFailure | undefined
  return (operation, put) =>
    Effect.suspend(() =>
      failure === undefined
        ? Effect.tryPromise({
            try: put,
            catch: (cause) => {
              failure = new LogWriteFailure({ operation, cause: observed(cause) })
              return failure
            }
          })
        : Effect.fail(failure)
    ).pipe(Effect.asVoid, Effect.uninterruptible)
}

class EntryTable {
  readonly groupId: GroupId
  private readonly table: Table
  firstIndex = 1 as LogIndex
  lastIndex: LogIndex

  constructor(table: Table, groupId: GroupId) {
    this.table = table
    this.groupId = groupId
    const [lastKey] = table.getKeys({ reverse: true, limit: 1 })
    this.lastIndex = (lastKey === undefined ? 0 : Number(lastKey.readBigUInt64BE())) as LogIndex
  }

  read(index: LogIndex): Entry {
    const record = this.table.get(keyOf(index))
    if (record === undefined) {
      throw new LogCorrupted({ groupId: this.groupId, index, reason: "missing" })
    }
    return Result.getOrThrow(EntryRecord.decode(this.groupId, index, record))
  }

  term(index: LogIndex): Term | undefined {
    if (index === 0) return 0 as Term
    if (index < this.firstIndex || index > this.lastIndex) return undefined
    return this.read(index).term
  }

  range(from: LogIndex, until: LogIndex, bytesMax: number): ReadonlyArray<Entry> {
    const found: Array<Entry> = []
    let bytes = 0
    for (let index = from; index < until; index = (index + 1) as LogIndex) {
      const entry = this.read(index)
      bytes += EntrySize.bytesOf(entry)
      if (found.length > 0 && bytes > bytesMax) break
      found.push(entry)
    }
    return found
  }

  /** Issued in one synchronous turn, so that it is one transaction and one promise. */
  put(entries: ReadonlyArray<Entry>): Array<Promise<boolean>> {
    const writes = entries.map((entry) =>
      this.table.put(keyOf(entry.index), EntryRecord.encode(this.groupId, entry))
    )
    const last = entries.at(-1)
    if (last === undefined) return writes
    for (let index = last.index + 1; index <= this.lastIndex; index += 1) {
      writes.push(this.table.remove(keyOf(index)))
    }
    return writes
  }
}

function keyOf(index: number): Buffer {
  const key = Buffer.allocUnsafeSlow(8)
  key.writeBigUInt64BE(BigInt(index))
  return key
}

const makeServices = Effect.fnUntraced(function* (options: LogEnvironmentOptions) {
  const { groupId } = options
  const environment: RootDatabase<Buffer, Buffer> = yield* openEnvironment(options)
  const table = (name: string): Table =>
    environment.openDB({ name, encoding: "binary", keyEncoding: "binary" })
  const entries = new EntryTable(table("entries"), groupId)
  const meta = table("meta")
  const local = table("local")
  const write = makeWriter()

  const hardState = () => {
    const record = meta.get(hardStateKey)
    if (record === undefined) return HardState.initial
    return Result.getOrThrow(HardStateRecord.decode(groupId, record))
  }
  const persist = (given: LogWrite) =>
    write("append", () => {
      const writes = entries.put(given.entries)
      if (given.hardState !== undefined) {
        writes.push(meta.put(hardStateKey, HardStateRecord.encode(groupId, given.hardState)))
      }
      return Promise.all(writes).then(() => {
        entries.lastIndex = given.entries.at(-1)?.index ?? entries.lastIndex
      })
    })
  const logStore = RaftLogStore.of({
    reader: {
      firstIndex: () => entries.firstIndex,
      lastIndex: () => entries.lastIndex,
      term: (index) => entries.term(index),
      entries: (from, until, bytesMax) => entries.range(from, until, bytesMax),
      snapshot: () => undefined
    },
    hardState,
    persist
  })
  const localStore = LocalStore.of({
    read: () => {
      const record = local.get(localKey)
      return record === undefined
        ? undefined
        : Result.getOrThrow(LocalRecord.decode(groupId, record))
    },
    write: (record) => write("local", () => local.put(localKey, LocalRecord.encode(record)))
  })
  return { logStore, localStore }
})

/** Both services of one environment; closed when the layer is released. */
export const layer = (options: LogEnvironmentOptions) =>
  Layer.effectContext(
    Effect.map(makeServices(options), ({ localStore, logStore }) =>
      Context.make(RaftLogStore, logStore).pipe(Context.add(LocalStore, localStore))
    )
  )
