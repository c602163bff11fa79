/** SPEC §8: who is refused when the disk fills up, what is promised, and what is given back. */
import { mkdirSync, statfsSync, symlinkSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import { costBytes, SpaceBudget } from "../../src/domain/engine/SpaceBudget.ts"
import type { GroupId, LogIndex, Term } from "../../src/domain/Ids.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as FreeSpaceStatfs from "../../src/layers/FreeSpaceStatfs.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { FreeSpace } from "../../src/services/FreeSpace.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { start } from "../support/Fibers.ts"
import { coordinatorOver, echoed, HeldEngine, propose } from "../support/HeldEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import * as Mount from "../support/Mount.ts"
import { cutOver, enableStorage, get, put, ready } from "../support/NodeCalls.ts"

const { freeBytesHalt, freeBytesMin } = NodeConfigLive.defaults

/** A coordinator over an engine that the test answers for, on a disk with room for two requests. */
const tight = (engine: HeldEngine, disk: MemoryDisk) => {
  disk.freeBytes = freeBytesMin + 2 * costBytes(1)
  return coordinatorOver(engine, { disk, settings: { proposalTimeoutMillis: 50 } })
}

/** Two requests are admitted and a third is not: all that was promised before was given back. */
const hasRoomForTwo = Effect.gen(function* () {
  const { release, reserve } = yield* FreeSpace
  expect([reserve(1), reserve(1)]).toEqual([undefined, undefined])
  expect(reserve(1)?._tag).toBe("SpaceLow")
  for (let count = 0; count < 2; count++) release(1)
})

describe("a request's promise of room", () => {
  it.effect("lasts until it is applied, and a third one is refused meanwhile", () => {
    const [engine, disk] = [new HeldEngine(), new MemoryDisk()]
    return Effect.gen(function* () {
      const first = yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      const second = yield* start(propose("b"))
      expect(yield* Effect.flip(propose("c"))).toMatchObject({ _tag: "SpaceLow", freeBytesMin })
      one.appended()
      const two = yield* engine.proposal(2)
      two.appended()
      expect((yield* Effect.flip(propose("c")))._tag).toBe("SpaceLow")
      one.applied(echoed(one))
      two.applied(echoed(two))
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      yield* hasRoomForTwo
      expect(engine.held, "what was refused was not proposed").toHaveLength(2)
      expect((yield* QuiescenceBarrier).state().inflightCount).toBe(0)
    }).pipe(Effect.provide(tight(engine, disk)))
  })

  it.effect(
    "ends with a refusal at append, a replaced entry, a stop, or a caller that goes",
    () => {
      const [engine, disk] = [new HeldEngine(), new MemoryDisk()]
      return Effect.gen(function* () {
        const refused = yield* start(Effect.flip(propose("a")))
        const one = yield* engine.proposal(1)
        const gone = yield* start(propose("b"))
        yield* Fiber.interrupt(gone)
        one.appended(new CutoverInFlight({}))
        expect((yield* Fiber.join(refused))._tag).toBe("CutoverInFlight")
        yield* hasRoomForTwo

        const replaced = yield* start(Effect.flip(propose("a")))
        const two = yield* engine.proposal(2)
        const stopped = yield* start(Effect.flip(propose("b")))
        two.appended()
        two.proposal.onEvent({ _tag: "Superseded", index: 2 as LogIndex })
        expect((yield* Fiber.join(replaced))._tag).toBe("ProposalSuperseded")
        const three = yield* engine.proposal(3)
        three.appended()
        three.proposal.onEvent({ _tag: "Stopped", reason: "test" })
        expect((yield* Fiber.join(stopped))._tag).toBe("NodeStopped")
        yield* hasRoomForTwo
      }).pipe(Effect.provide(tight(engine, disk)))
    }
  )

  it.effect("outlives a caller whose time is up, as the entry does", () => {
    const [engine, disk] = [new HeldEngine(), new MemoryDisk()]
    return Effect.gen(function* () {
      const caller = yield* start(Effect.flip(propose("a")))
      const one = yield* engine.proposal(1)
      yield* TestClock.adjust(50)
      expect((yield* Fiber.join(caller))._tag).toBe("ProposalTimedOut")
      const { release, reserve } = yield* FreeSpace
      expect([reserve(1), reserve(1)?._tag]).toEqual([undefined, "SpaceLow"])
      release(1)
      one.appended()
      one.applied(echoed(one))
      yield* hasRoomForTwo
    }).pipe(Effect.provide(tight(engine, disk)))
  })

  it.effect("is not kept by a request that the barrier refuses", () => {
    const [engine, disk] = [new HeldEngine(), new MemoryDisk()]
    return Effect.gen(function* () {
      const barrier = yield* QuiescenceBarrier
      barrier.close()
      expect((yield* Effect.flip(propose("a")))._tag).toBe("CutoverInFlight")
      yield* hasRoomForTwo
    }).pipe(Effect.provide(tight(engine, disk)))
  })
})

describe("a node on a disk that fills up", () => {
  it.effect("refuses writes, reads, encrypts still, and writes again when there is room", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      yield* put("a", "1")
      const before = disk.journal.length
      disk.freeBytes = freeBytesMin
      expect(yield* Effect.flip(put("a", "2"))).toMatchObject({ _tag: "SpaceLow", freeBytesMin })
      expect(yield* get("a")).toBe("1")
      expect(disk.journal).toHaveLength(before)
      yield* enableStorage
      yield* cutOver
      disk.freeBytes = 2 * freeBytesMin
      yield* put("a", "3")
      expect(yield* get("a")).toBe("3")
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect("refuses the administration too when that would come near the last bytes", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      disk.freeBytes = freeBytesHalt
      const refused = yield* Effect.flip(enableStorage)
      expect(refused).toMatchObject({ _tag: "SpaceLow", freeBytesMin: freeBytesHalt })
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect("does not start on one that is full", () => {
    const disk = new MemoryDisk()
    disk.freeBytes = freeBytesHalt - 1
    return Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(Effect.void, memoryNode({ disk })))
      expect(error).toMatchObject({ _tag: "DiskFullFailure", freeBytesHalt })
      expect(disk.journal).toHaveLength(0)
    })
  })
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-space-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

describe("a commit that would leave too little (SPEC §8)", () => {
  /** The stores over a directory; `disk` says what is free. */
  const stores = (directory: string, disk: { freeBytes: number }) => {
    const budget = new SpaceBudget(NodeConfigLive.defaults, () => disk.freeBytes)
    const options = {
      groupId: 0 as GroupId,
      mapSizeBytes: 64 << 20,
      shortage: (bytes: number) => budget.shortage(bytes)
    }
    const space = { shortage: options.shortage, reserve: () => undefined, release: () => {} }
    return StateStoreLmdb.layer({ ...options, space }).pipe(
      Layer.provideMerge(LogEnvironmentLmdb.layer(options)),
      Layer.provide(DataDirectoryLock.layer({ directory }))
    )
  }
  const entry = (index: number, size: number): Entry => ({
    index: index as LogIndex,
    term: 1 as Term,
    kind: "normal",
    data: Buffer.alloc(size, index)
  })
  const persist = (...entries: ReadonlyArray<Entry>) =>
    Effect.flatMap(RaftLogStore, (log) => log.persist({ entries, hardState: undefined }))
  const put = (size: number) =>
    Effect.flatMap(StateStore, (state) => {
      state.transact((transaction) => {
        transaction.put("kv", Buffer.from([1]), Buffer.alloc(size))
      })
      return state.flush
    })
  const sizes = Effect.map(Effect.all([RaftLogStore, StateStore]), ([{ reader }, state]) => [
    reader.lastIndex(),
    state.durable.get("kv", Buffer.from([1]))?.length
  ])

  it.live(
    "is refused by the log and by the state before LMDB sees it, and so is every later one",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const disk = { freeBytes: freeBytesHalt + 10_000 }
        yield* Effect.gen(function* () {
          yield* persist(entry(1, 100))
          yield* put(100)
          const inLog = yield* Effect.flip(persist(entry(2, 10_000)))
          expect(inLog).toMatchObject({
            _tag: "LogWriteFailure",
            cause: { _tag: "DiskFullFailure" }
          })
          expect(inLog.message).toContain("free some space")
          const inState = yield* Effect.flip(put(10_000))
          expect(inState).toMatchObject({
            _tag: "StateWriteFailure",
            cause: { _tag: "DiskFullFailure" }
          })
          disk.freeBytes *= 100
          expect(yield* Effect.flip(persist(entry(2, 1)))).toBe(inLog)
          const { failed } = yield* StateStore
          expect(yield* Effect.flip(failed)).toBe(inState)
        }).pipe(Effect.provide(stores(directory, disk)))
        yield* Effect.gen(function* () {
          expect(yield* sizes).toEqual([1, 100])
          yield* persist(entry(2, 10_000))
          yield* put(10_000)
          expect(yield* sizes).toEqual([2, 10_000])
        }).pipe(Effect.provide(stores(directory, disk)))
      })
  )
})

describe("FreeSpaceStatfs", () => {
  it.live(
    "reads once for the requests of a turn; anew after it, after a release, for a commit",
    () => {
      let reads = 0
      let free = 2 * freeBytesMin
      const read = () => {
        reads += 1
        return free
      }
      return Effect.gen(function* () {
        const space = yield* FreeSpaceStatfs.make(FreeSpaceStatfs.readingOfTurn(read))
        const { freeBytes, release, reserve, shortage } = space
        const readsOf = (ask: () => void) => {
          const before = reads
          ask()
          return reads - before
        }
        const tenRequests = () => {
          for (let count = 0; count < 10; count++) expect(reserve(1)).toBeUndefined()
        }
        yield* Effect.promise(() => setImmediate())
        expect(readsOf(tenRequests)).toBe(1)
        expect(readsOf(tenRequests)).toBe(0)
        free = freeBytesMin
        yield* Effect.promise(() => setImmediate())
        expect(reserve(1)?._tag, "an idle node has no reading").toBe("SpaceLow")
        free = 2 * freeBytesMin
        for (let count = 0; count < 20; count++) release(1)
        expect(readsOf(tenRequests)).toBe(1)
        free = 0
        expect(shortage(0)?._tag).toBe("DiskFullFailure")
        free = freeBytesMin
        expect(freeBytes()).toBe(freeBytesMin)
      }).pipe(Effect.provide(NodeConfigLive.layer()))
    }
  )

  it.live("says what the file system says, and that one that does not answer is full", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (const name of ["log", "state"]) mkdirSync(join(directory, name))
      yield* Effect.gen(function* () {
        const { bavail, bsize } = statfsSync(directory)
        const { freeBytes, reserve } = yield* FreeSpace
        // Others use the disk as well: within a tenth is the same disk.
        expect(freeBytes() / (bavail * bsize)).toBeCloseTo(1, 1)
        expect(reserve(Number.MAX_SAFE_INTEGER / 4)?._tag).toBe("SpaceLow")
        yield* Effect.promise(() => rm(directory, { recursive: true }))
        expect(freeBytes(), "a disk that does not answer is full").toBe(0)
      }).pipe(Effect.provide(statfs(directory)))
    })
  )

  it.live("of several disks means the fullest, wherever it is", (context) =>
    Effect.gen(function* () {
      const small = yield* Mount.tmpfs({ sizeMebibytes: 48 })
      if (typeof small === "string") return context.skip(`no tmpfs here, reason: ${small}`)
      for (const name of ["log", "state"]) {
        const directory = yield* temporaryDirectory
        symlinkSync(small.path, join(directory, name))
        const found = yield* Effect.map(FreeSpace, ({ freeBytes }) => freeBytes()).pipe(
          Effect.provide(statfs(directory))
        )
        expect(found).toBeLessThanOrEqual(48 << 20)
        expect(found).toBeGreaterThan(freeBytesHalt)
      }
    })
  )
})

const statfs = (directory: string) =>
  FreeSpaceStatfs.layer.pipe(
    Layer.provide(Layer.mergeAll(DataDirectoryLock.layer({ directory }), NodeConfigLive.layer()))
  )
