/**
 * The memory twin of the log environment: the same records on a {@link MemoryDisk}.
 *
 * For tests and embedders. No promise and no timer: a write is durable when its effect has run. What
 * must never happen: an answer the LMDB store would not give.
 * Proof: `test/contracts/`, run by `test/layers/MemoryStores.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { GroupId, LogIndex, Term } from "../domain/Ids.ts"
import * as EntryRecord from "../domain/log/EntryRecord.ts"
import { LogCorrupted, LogWriteFailure } from "../domain/log/Errors.ts"
import * as HardStateRecord from "../domain/log/HardStateRecord.ts"
import * as LocalRecord from "../domain/log/LocalRecord.ts"
import * as Entry from "../domain/raft/Entry.ts"
import * as HardState from "../domain/raft/HardState.ts"
import { DataDirectoryLocked } from "../domain/state/Errors.ts"
import { LocalStore } from "../services/LocalStore.ts"
import { type LogWrite, RaftLogStore } from "../services/RaftLogStore.ts"
import type { MemoryDisk } from "./MemoryDisk.ts"

export interface MemoryLogOptions {
  readonly disk: MemoryDisk
  readonly groupId: GroupId
}

const hardStateKey = "hardState"

/** Runs one write, unless one has failed before: the store is broken from then on. */
const makeWrite = (disk: MemoryDisk) => {
  let failure: LogWriteFailure | undefined
  return (operation: string, put: () => void): Effect.Effect<void, LogWriteFailure> =>
    Effect.suspend(() => {
      if (failure === undefined && disk.nextLogFault !== undefined) {
        failure = new LogWriteFailure({ operation, cause: disk.nextLogFault })
      }
      if (failure !== undefined) return Effect.fail(failure)
      put()
      return Effect.void
    })
}

const lastIndexOf = (disk: MemoryDisk): LogIndex =>
  [...disk.entries.keys()].reduce((last, index) => Math.max(last, index), 0) as LogIndex

function readerOf({ disk, groupId }: MemoryLogOptions, cursor: { lastIndex: LogIndex }) {
  const firstIndex = 1 as LogIndex
  const read = (index: LogIndex): Entry.Entry => {
    const record = disk.entries.get(index)
    if (record === undefined) throw new LogCorrupted({ groupId, index, reason: "missing" })
    return Result.getOrThrow(EntryRecord.decode(groupId, index, Buffer.from(record)))
  }
  const entries = (from: LogIndex, until: LogIndex, bytesMax: number) => {
    const found: Array<Entry.Entry> = []
    let bytes = 0
    for (let index = from; index < until; index = (index + 1) as LogIndex) {
      const entry = read(index)
      bytes += Entry.bytesOf(entry)
      if (found.length > 0 && bytes > bytesMax) break
      found.push(entry)
    }
    return found
  }
  return {
    firstIndex: () => firstIndex,
    lastIndex: () => cursor.lastIndex,
    term: (index: LogIndex): Term | undefined => {
      if (index === 0) return 0 as Term
      return index < firstIndex || index > cursor.lastIndex ? undefined : read(index).term
    },
    entries,
    snapshot: () => undefined
  }
}

const make = Effect.fnUntraced(function* (options: MemoryLogOptions) {
  const { disk, groupId } = options
  if (disk.isOpen) return yield* new DataDirectoryLocked({ directory: "(memory)" })
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      disk.isOpen = true
    }),
    () =>
      Effect.sync(() => {
        disk.isOpen = false
      })
  )
  const write = makeWrite(disk)
  const cursor = { lastIndex: lastIndexOf(disk) }
  const persist = ({ entries, hardState }: LogWrite) =>
    write("append", () => {
      for (const entry of entries) {
        disk.entries.set(entry.index, EntryRecord.encode(groupId, entry))
      }
      const last = entries.at(-1)?.index ?? cursor.lastIndex
      for (let index = last + 1; index <= cursor.lastIndex; index++) disk.entries.delete(index)
      cursor.lastIndex = last
      if (hardState !== undefined) {
        disk.meta.set(hardStateKey, HardStateRecord.encode(groupId, hardState))
      }
    })
  const logStore = RaftLogStore.of({
    reader: readerOf(options, cursor),
    hardState: () => {
      const record = disk.meta.get(hardStateKey)
      if (record === undefined) return HardState.initial
      return Result.getOrThrow(HardStateRecord.decode(groupId, Buffer.from(record)))
    },
    persist
  })
  const localStore = LocalStore.of({
    read: () =>
      disk.local === undefined
        ? undefined
        : Result.getOrThrow(LocalRecord.decode(groupId, Buffer.from(disk.local))),
    write: (record) =>
      write("local", () => {
        disk.local = LocalRecord.encode(record)
      })
  })
  return Context.make(RaftLogStore, logStore).pipe(Context.add(LocalStore, localStore))
})

/** Fails with `DataDirectoryLocked` while another layer has the same disk open. */
export const layer = (options: MemoryLogOptions) => Layer.effectContext(make(options))
