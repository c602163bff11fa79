import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../../src/domain/encryption/Command.ts"
import type { KeyId } from "../../src/domain/Ids.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import {
  administer,
  cutOver,
  enableStorage,
  entriesOf,
  get,
  put,
  ready,
  status
} from "../support/NodeCalls.ts"

describe("the phases (SPEC §2, §12)", () => {
  it.effect("go from plaintext to sealed values to a sealed log, each once", () =>
    Effect.gen(function* () {
      yield* ready
      yield* put("before", "plain")
      expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "EncryptionNotBootstrapped" })
      const storage = yield* enableStorage
      expect(storage.wasAlreadyActive).toBe(false)
      expect(yield* enableStorage).toEqual({ index: storage.index, wasAlreadyActive: true })
      yield* put("middle", "sealed value, plain entry")
      const done = yield* cutOver
      expect(done.wasAlreadyActive).toBe(false)
      const again = yield* cutOver
      expect(again).toMatchObject({ cutoverIndex: done.cutoverIndex, wasAlreadyActive: true })
      yield* put("after", "sealed canary")
      for (const [key, value] of [
        ["before", "plain"],
        ["middle", "sealed value, plain entry"],
        ["after", "sealed canary"]
      ] as const) {
        expect(yield* get(key)).toBe(value)
      }
      expect(yield* status).toMatchObject({
        phase: 2,
        cutoverIndex: done.cutoverIndex,
        isBarrierClosed: false,
        isWrapFlagSet: true
      })
      const log = yield* entriesOf
      const bytesFrom = (from: number, until: number) =>
        Buffer.concat(log.slice(from - 1, until - 1).map(({ data }) => Buffer.from(data)))
      expect(bytesFrom(1, done.cutoverIndex).includes("plain entry")).toBe(true)
      expect(bytesFrom(done.cutoverIndex + 1, log.length + 1).includes("sealed canary")).toBe(false)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("no write is lost by a cutover under load, and each refusal may be tried again", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      const acknowledged = new Map<string, string>()
      const writer = (name: number) =>
        Effect.gen(function* () {
          for (let at = 0; at < 60; at++) {
            const key = `w${name}/${at}`
            yield* put(key, key).pipe(
              Effect.retry({ while: (error) => error._tag === "CutoverInFlight", times: 10_000 })
            )
            acknowledged.set(key, key)
            yield* Effect.yieldNow
          }
        })
      const writers = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 8 }, (_, name) => writer(name)),
          {
            concurrency: "unbounded"
          }
        )
      )
      yield* Effect.yieldNow
      const { cutoverIndex } = yield* cutOver
      yield* Fiber.join(writers)
      expect(acknowledged.size).toBe(480)
      for (const [key, value] of acknowledged) expect(yield* get(key)).toBe(value)
      const sealed = (yield* entriesOf).filter(({ index }) => index > cutoverIndex)
      expect(sealed.length).toBeGreaterThan(0)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect(
    "after a restart the flag is set from the state, and sealing goes on with a new epoch",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        const first = yield* Effect.gen(function* () {
          yield* ready
          yield* enableStorage
          yield* cutOver
          yield* put("a", "1")
          return yield* status
        }).pipe(Effect.provide(memoryNode({ disk })))
        const second = yield* Effect.gen(function* () {
          yield* ready
          yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
          expect(yield* get("a")).toBe("1")
          yield* put("b", "2")
          expect(yield* get("b")).toBe("2")
          return yield* status
        }).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
        expect(first.localEpoch).toBe(1)
        expect(second).toMatchObject({ phase: 2, isWrapFlagSet: true, localEpoch: 2, writerId: 1 })
      })
    }
  )

  it.effect("a dry run asks as a cutover would, and leaves nothing in the log", () =>
    Effect.gen(function* () {
      yield* ready
      const { dryRun } = yield* Cutover
      expect(yield* Effect.flip(dryRun)).toMatchObject({ _tag: "EncryptionNotBootstrapped" })
      yield* enableStorage
      yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
      const before = yield* entriesOf
      expect(yield* dryRun).toMatchObject({
        cutoverIndex: undefined,
        nodes: [{ nodeName: "n1", reason: undefined }]
      })
      expect(yield* entriesOf).toEqual(before)
      expect(yield* status).toMatchObject({ phase: 1, isBarrierClosed: false })
      expect((yield* status).barrierClosedMillis).toBeUndefined()
      const { cutoverIndex } = yield* cutOver
      expect(yield* dryRun).toEqual({ cutoverIndex, nodes: [] })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("a marker for another key is stale: nothing is sealed and the barrier opens", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      const marker = Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId: 1 as KeyId })
      expect(yield* administer(marker)).toEqual({ _tag: "Stale" })
      expect(yield* status).toMatchObject({ phase: 1, isWrapFlagSet: false })
      yield* put("a", "1")
      expect(yield* cutOver).toMatchObject({ wasAlreadyActive: false })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect(
    "with too little space left it is refused before the barrier, and done with enough",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        yield* ready
        yield* enableStorage
        const enough = disk.freeBytes
        disk.freeBytes = 1
        expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "SpaceLow" })
        expect((yield* QuiescenceBarrier).closedMillis()).toBeUndefined()
        disk.freeBytes = enough
        expect(yield* cutOver).toMatchObject({ wasAlreadyActive: false })
      }).pipe(Effect.provide(memoryNode({ disk })))
    }
  )

  it.effect(
    "a second caller is refused while the first drains, and a drain that hangs reopens",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* enableStorage
        yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
        const barrier = yield* QuiescenceBarrier
        const term = (yield* RaftEngine).status().term
        barrier.admit({ source: "user", term })
        const first = yield* Effect.forkChild(Effect.flip(cutOver))
        while (!barrier.state().isClosed) yield* Effect.yieldNow
        expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverInFlight" })
        expect(yield* Effect.flip(put("a", "1"))).toMatchObject({ _tag: "CutoverInFlight" })
        yield* TestClock.adjust("6 seconds")
        expect(yield* Fiber.join(first)).toMatchObject({ _tag: "DrainTimedOut" })
        expect(barrier.state().isClosed).toBe(false)
        barrier.settle({ count: 1, term })
        expect(yield* cutOver).toMatchObject({ wasAlreadyActive: false })
      }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )
})
