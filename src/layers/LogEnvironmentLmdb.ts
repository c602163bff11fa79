/**
 * The log environment on LMDB: `entries`, `meta` and `local` in one file, so that entries and hard
 * state share a commit (SPEC §8).
 *
 * Why an environment of its own: in the state's, its random pages would be flushed with every batch
 * of the log. What must never happen here: a commit that returns before it is flushed, a write issued
 * in two turns (it would be two transactions), a value whose buffer somebody changes before the
 * commit (LMDB reads it by pointer, on another thread).
 * Proof: `test/layers/LmdbStores.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GroupId, LogIndex } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { DataDirectoryFailure } from "../domain/state/Errors.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import type { FreeSpace } from "../services/FreeSpace.ts"
import type { LocalStore } from "../services/LocalStore.ts"
import type { RaftLogStore } from "../services/RaftLogStore.ts"
import * as LmdbEnvironment from "./LmdbEnvironment.ts"
import { causeOf, observeLater } from "./LmdbFailure.ts"
import * as LogEnvironment from "./LogEnvironment.ts"

export interface Options {
  readonly groupId: GroupId
  /** Address space reserved for the log, not disk space; lmdb-js maps again when it is full. */
  readonly mapSizeBytes: number
  /** Why a commit of so many bytes must not begin (SPEC §8); nothing is watched if not given. */
  readonly shortage?: FreeSpace["Service"]["shortage"] | undefined
}

export const layer = (
  options: Options
): Layer.Layer<
  RaftLogStore | LocalStore,
  DataDirectoryFailure | LogEnvironment.OpenFailure,
  DataDirectory
> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { path } = yield* DataDirectory
      const { tables } = yield* LmdbEnvironment.acquire({
        directory: path,
        environment: "log",
        tables: tableNames,
        mapSizeBytes: options.mapSizeBytes
      })
      return yield* LogEnvironment.make(options.groupId, logTables(tables, options.shortage))
    })
  )

const tableNames = ["entries", "meta", "local"] as const
type Tables = LmdbEnvironment.LmdbEnvironment<(typeof tableNames)[number]>["tables"]

function logTables(
  tables: Tables,
  shortage: Options["shortage"] = () => undefined
): LogEnvironment.LogTables {
  const { entries } = tables
  const tableOf = (name: LogEnvironment.RecordName) =>
    name === "local" ? tables.local : tables.meta

  /** Everything in one turn, which makes it one transaction, of one promise or of a few. */
  const issue = (changes: LogEnvironment.LogChanges): Promise<unknown> => {
    const promises = new Set<Promise<boolean>>()
    const { remove } = changes
    if (remove !== undefined) {
      for (let index = remove.from as number; index < remove.until; index++) {
        promises.add(entries.remove(entryKey(index)))
      }
    }
    for (const { index, record } of changes.entries)
      promises.add(entries.put(entryKey(index), record))
    for (const { name, record } of changes.records) {
      promises.add(tableOf(name).put(recordKeys[name], record))
    }
    observeLater(entries)
    return Promise.all(promises)
  }

  return {
    entry: (index) => entries.get(entryKey(index)),
    extent: () => extentOf(entries),
    record: (name) => tableOf(name).get(recordKeys[name]),
    commit: (changes) =>
      Effect.callback<void, unknown>((resume) => {
        const failed = (error: unknown) => {
          causeOf(error).then((cause) => resume(Effect.fail(cause)))
        }
        const tooFull = shortage(bytesOf(changes))
        if (tooFull !== undefined) return resume(Effect.fail(tooFull))
        try {
          issue(changes).then(() => resume(Effect.void), failed)
        } catch (error) {
          failed(error)
        }
      })
  }
}

const bytesOf = ({ entries, records }: LogEnvironment.LogChanges): number => {
  let bytes = 0
  for (const { record } of entries) bytes += record.length
  for (const { record } of records) bytes += record.length
  return bytes
}

function extentOf(entries: LmdbEnvironment.TableDatabase) {
  const edge = (reverse: boolean): LogIndex | undefined => {
    for (const key of entries.getKeys({ reverse, limit: 1 })) return indexOf(key)
    return undefined
  }
  const first = edge(false)
  const last = edge(true)
  if (first === undefined || last === undefined) return undefined
  const stats = entries.getStats() as Stats
  const bytes = (stats.treeLeafPageCount + stats.overflowPages) * stats.pageSize
  return { first, last, count: stats.entryCount, bytes }
}

/** What is used here of a table's statistics. */
interface Stats {
  readonly entryCount: number
  readonly pageSize: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

const keyBytes = 8

/** LMDB copies a key before the call returns, so one buffer serves them all (values it does not). */
const keyScratch = Buffer.allocUnsafeSlow(keyBytes)

function entryKey(index: number): Buffer {
  keyScratch.writeUInt32BE(Math.floor(index / 2 ** 32), 0)
  keyScratch.writeUInt32BE(index % 2 ** 32, 4)
  return keyScratch
}

function indexOf(key: Uint8Array): LogIndex {
  invariant(key.length === keyBytes, "the key of an entry has 8 bytes")
  const bytes = Buffer.from(key)
  return (bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)) as LogIndex
}

const recordKeys: Readonly<Record<LogEnvironment.RecordName, Buffer>> = {
  formatVersion: Buffer.from("formatVersion"),
  hardState: Buffer.from("hardState"),
  snapshotPointer: Buffer.from("snapshotPointer"),
  local: Buffer.from("local")
}
