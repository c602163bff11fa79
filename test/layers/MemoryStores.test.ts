import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { GroupId, LogIndex, Term } from "../../src/domain/Ids.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import * as LocalStoreContract from "../contracts/LocalStore.ts"
import * as LogInstallationContract from "../contracts/LogInstallation.ts"
import * as LogOpeningContract from "../contracts/LogOpening.ts"
import * as RaftLogStoreContract from "../contracts/RaftLogStore.ts"
import * as StateGenerationsContract from "../contracts/StateGenerations.ts"
import * as StateStoreContract from "../contracts/StateStore.ts"
import type { MakeStores, StoredRecord } from "../contracts/Stores.ts"

const groupId = 0 as GroupId

const recordOf = (disk: MemoryDisk, record: StoredRecord): Buffer | undefined => {
  switch (record._tag) {
    case "Entry":
      return disk.entries.get(record.index)
    case "FormatVersion":
      return disk.meta.get("formatVersion")
    case "SnapshotPointer":
      return disk.meta.get("snapshotPointer")
    case "HardState":
      return disk.meta.get("hardState")
    case "Local":
      return disk.local
  }
}

function replace(disk: MemoryDisk, record: StoredRecord, bytes: Buffer | undefined): void {
  if (record._tag === "Local") disk.local = bytes
  else if (record._tag === "Entry") {
    if (bytes === undefined) disk.entries.delete(record.index)
    else disk.entries.set(record.index, bytes)
  } else {
    const name = record._tag.slice(0, 1).toLowerCase() + record._tag.slice(1)
    if (bytes === undefined) disk.meta.delete(name)
    else disk.meta.set(name, bytes)
  }
}

const stores = (disk: MemoryDisk) =>
  Layer.provideMerge(
    StateStoreMemory.layer({ disk }),
    LogEnvironmentMemory.layer({ disk, groupId })
  )

const makeStores: MakeStores = () => {
  const disk = new MemoryDisk()
  return {
    open: () => stores(disk),
    flipBit: async (record, bit) => {
      const bytes = recordOf(disk, record)
      expect(bytes).toBeDefined()
      bytes![bit >>> 3]! ^= 1 << (bit & 7)
    },
    replace: async (record, bytes) => replace(disk, record, bytes)
  }
}

LogOpeningContract.suite("memory", makeStores)
LogOpeningContract.writesSuite("memory", makeStores)
RaftLogStoreContract.suite("memory", makeStores)
LocalStoreContract.suite("memory", makeStores)
StateStoreContract.suite("memory", makeStores)
StateGenerationsContract.suite("memory", makeStores)
LogInstallationContract.suite("memory", makeStores)

describe("MemoryDisk", () => {
  it.effect("a crash keeps what was flushed and a prefix of the commits after it", () => {
    const disk = new MemoryDisk()
    const key = (value: number) => Buffer.from([value])
    return Effect.gen(function* () {
      const { flush, reader, transact } = yield* StateStore
      const put = (value: number) => transact((tx) => tx.put("kv", key(value), key(value)))
      put(1)
      yield* flush
      for (const value of [2, 3, 4]) put(value)
      expect(disk.unflushedCommits).toBe(3)
      disk.crash({ keptCommits: 2 })
      expect(reader.range("kv", {}).map((row) => row.key[0])).toEqual([1, 2, 3])
      disk.crash({ keptCommits: 0 })
      expect(reader.range("kv", {}).map((row) => row.key[0])).toEqual([1, 2, 3])
    }).pipe(Effect.provide(stores(disk)))
  })

  it.effect(
    "a commit that cannot be written is visible, never durable, and breaks the store",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        const { durable, failed, flush, reader, room, transact } = yield* StateStore
        disk.nextStateFault = new Error("no space")
        const put = () => transact((tx) => tx.put("kv", Buffer.from([1]), Buffer.from([1])))
        put()
        expect(reader.range("kv", {})).toHaveLength(1)
        disk.nextStateFault = undefined
        expect(put).toThrow("no space")
        for (const later of [failed, flush, room]) {
          expect(yield* Effect.flip(later)).toMatchObject({ _tag: "StateWriteFailure" })
        }
        disk.crash({ keptCommits: disk.unflushedCommits })
        expect([reader, durable].map((tables) => tables.range("kv", {}))).toEqual([[], []])
      }).pipe(Effect.provide(stores(disk)))
    }
  )

  const entry = { index: 1 as LogIndex, term: 1 as Term, kind: "noop", data: Buffer.of() } as const
  const write = { entries: [entry], hardState: undefined }

  it.effect("a failed write of the log changes nothing and breaks the store", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const { persist, reader } = yield* RaftLogStore
      disk.nextLogFault = new Error("no space")
      const first = yield* Effect.flip(persist(write))
      expect(first).toMatchObject({ _tag: "LogWriteFailure", cause: disk.nextLogFault })
      disk.nextLogFault = undefined
      expect(yield* Effect.flip(persist(write))).toBe(first)
      expect([reader.lastIndex(), disk.entries.size]).toEqual([0, 0])
    }).pipe(Effect.provide(LogEnvironmentMemory.layer({ disk, groupId })))
  })

  it.effect("a crash during a write leaves all of it or nothing, and ends the opening", () => {
    const disk = new MemoryDisk()
    const opened = LogEnvironmentMemory.layer({ disk, groupId })
    /** Crashes after so many milliseconds of a write that takes 10. */
    const crashAfter = (millis: number) =>
      Effect.gen(function* () {
        const { persist, reader } = yield* RaftLogStore
        disk.logWriteMillis = 10
        const fibre = yield* Effect.forkChild(Effect.exit(persist(write)), {
          startImmediately: true
        })
        yield* TestClock.adjust(millis)
        disk.crash({ keptCommits: 0 })
        expect(reader.lastIndex()).toBe(0)
        yield* TestClock.adjust(10)
        disk.logWriteMillis = 0
        expect(Exit.isFailure(yield* Fiber.join(fibre))).toBe(millis < 5)
        expect((yield* Effect.flip(persist(write)))._tag).toBe("LogWriteFailure")
        return disk.entries.size
      }).pipe(Effect.provide(Layer.fresh(opened)))
    return Effect.gen(function* () {
      expect(yield* crashAfter(4)).toBe(0)
      expect(yield* crashAfter(6)).toBe(1)
      const { reader } = yield* RaftLogStore.pipe(Effect.provide(Layer.fresh(opened)))
      expect(reader.lastIndex()).toBe(1)
    })
  })

  it.effect("journals what reached the disk", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const { persist } = yield* RaftLogStore
      const { transact } = yield* StateStore
      yield* persist(write)
      transact((transaction) => transaction.put("applied", Buffer.from([1]), Buffer.from([2])))
      expect(disk.journal.map(({ environment }) => environment)).toEqual(["log", "log", "state"])
    }).pipe(Effect.provide(stores(disk)))
  })
})
