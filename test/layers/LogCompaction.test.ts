/** The log forgets what the state holds durably, and no more (SPEC §16). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import * as LogCompactionLive from "../../src/layers/LogCompactionLive.ts"
import * as LogEnvironmentMemory from "../../src/layers/LogEnvironmentMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as StateStoreMemory from "../../src/layers/StateStoreMemory.ts"
import { LogCompaction } from "../../src/services/LogCompaction.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { FailingDisk } from "../support/FailingDisk.ts"
import { groupId, stateAt } from "../support/SnapshotStates.ts"

const at = (index: number) => index as LogIndex

const settings = { compactionEntries: 50, compactionTailEntries: 10, compactionBytes: 100_000 }

const node = (disk: MemoryDisk) =>
  LogCompactionLive.layer({ groupId }).pipe(
    Layer.provideMerge(StateStoreMemory.layer({ disk })),
    Layer.provideMerge(LogEnvironmentMemory.layer({ disk, groupId })),
    Layer.provideMerge(NodeConfigLive.layer(settings))
  )

/** Entries are in the log, and applied; durable in the state only after a flush. */
const append = (from: number, until: number, dataBytes = 10) =>
  Effect.gen(function* () {
    const log = yield* RaftLogStore
    const store = yield* StateStore
    const data = Buffer.alloc(dataBytes)
    const entries = Array.from({ length: until - from }, (_, offset) => ({
      index: at(from + offset),
      term: 1 as Term,
      kind: "normal" as const,
      data
    }))
    yield* log.persist({ entries, hardState: undefined })
    store.transact((transaction) => stateAt(until - 1, 1).save(transaction, undefined))
  })

const progress = Effect.gen(function* () {
  const { progressed } = yield* LogCompaction
  progressed()
  // The fibre runs as far as it can: nothing here takes time.
  yield* Effect.repeat(Effect.yieldNow, { times: 50 })
  const { reader } = yield* RaftLogStore
  return reader.firstIndex()
})

const flush = Effect.flatMap(StateStore, (store) => store.flush)

describe("LogCompactionLive", () => {
  it.effect("leaves a short log alone, and a long one a tail below what is durable", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* append(1, 51)
      yield* flush
      expect(yield* progress).toBe(1)
      yield* append(51, 61)
      // Applied, and a crash could lose it: the state holds 50.
      expect(yield* progress).toBe(41)
      yield* append(61, 101)
      yield* flush
      expect(yield* progress).toBe(91)
      expect(yield* progress).toBe(91)
      expect(disk.entries.size).toBe(10)
    }).pipe(Effect.provide(node(disk)))
  })

  it.effect("forgets nothing while nothing is durable", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* append(1, 200)
      expect(yield* progress).toBe(1)
      yield* flush
      expect(yield* progress).toBe(190)
    }).pipe(Effect.provide(node(disk)))
  })

  it.effect("goes by bytes too", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* append(1, 11, 20_000)
      yield* flush
      // Two of 20 kB are less than half of what the log may take.
      expect(yield* progress).toBe(9)
      const { bytes } = yield* RaftLogStore
      expect(bytes()).toBeGreaterThan(40_000)
      expect(bytes()).toBeLessThan(41_000)
    }).pipe(Effect.provide(node(disk)))
  })

  it.effect("a compaction that cannot be written is told to whoever drives it", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* append(1, 101)
      yield* flush
      disk.nextLogFault = new Error("no space")
      yield* progress
      const { failed } = yield* LogCompaction
      expect(yield* Effect.flip(failed)).toMatchObject({
        _tag: "LogWriteFailure",
        operation: "compact"
      })
    }).pipe(Effect.provide(node(disk)))
  })

  it.effect("a crash after any of its commits leaves a log that the state can go on from", () =>
    Effect.gen(function* () {
      const beginnings: Array<number> = []
      for (let commits = 0; commits <= 4; commits++) {
        const disk = new FailingDisk()
        yield* Effect.gen(function* () {
          yield* append(1, 1001)
          yield* flush
          disk.commitsLeft = commits
          yield* progress
        }).pipe(Effect.provide(node(disk)))
        disk.crash({ keptCommits: 0 })
        disk.commitsLeft = Number.POSITIVE_INFINITY
        yield* Effect.gen(function* () {
          const { reader } = yield* RaftLogStore
          beginnings.push(reader.firstIndex())
          expect(reader.entries(reader.firstIndex(), at(1001), 1 << 30)).toHaveLength(
            1001 - reader.firstIndex()
          )
          expect(yield* progress).toBe(991)
        }).pipe(Effect.provide(node(disk)))
      }
      expect(beginnings).toEqual([1, 257, 513, 769, 991])
    })
  )
})
