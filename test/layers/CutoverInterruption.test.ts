import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, entriesOf, get, put, ready, status } from "../support/NodeCalls.ts"

const logWriteMillis = 100

/** Phase 1, registered, with a log that takes its time from now on. */
const slowPhase1 = (disk: MemoryDisk) =>
  Effect.gen(function* () {
    yield* ready
    yield* enableStorage
    yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
    disk.logWriteMillis = logWriteMillis
  })

const until = (condition: () => boolean) =>
  Effect.gen(function* () {
    while (!condition()) yield* Effect.yieldNow
  })

describe("an interrupted cutover (SPEC §12)", () => {
  it.effect("before the marker: the barrier opens, and nothing has happened", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
      const barrier = yield* QuiescenceBarrier
      const { term } = (yield* RaftEngine).status()
      const before = (yield* entriesOf).length
      // A user proposal that never comes to an end.
      barrier.admit({ source: "user", term })
      const run = yield* Effect.forkChild(cutOver)
      yield* until(() => barrier.state().isClosed)
      yield* Fiber.interrupt(run)
      expect(barrier.state().isClosed).toBe(false)
      expect(yield* entriesOf).toHaveLength(before)
      expect(yield* status).toMatchObject({ phase: 1, isWrapFlagSet: false })
      barrier.settle({ count: 1, term })
      yield* put("a", "1")
      expect(yield* cutOver).toMatchObject({ wasAlreadyActive: false })
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect("with the marker under way: shut until it is resolved, by itself", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* slowPhase1(disk)
      const barrier = yield* QuiescenceBarrier
      const cutover = yield* Cutover
      const run = yield* Effect.forkChild(cutOver)
      yield* until(() => cutover.state()._tag === "Appending")
      const interruption = yield* Effect.forkChild(Fiber.interrupt(run))
      for (let turn = 0; turn < 100; turn++) {
        expect(barrier.state().isClosed).toBe(true)
        yield* Effect.yieldNow
      }
      expect(yield* Effect.flip(put("a", "1"))).toMatchObject({ _tag: "CutoverInFlight" })
      expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverInFlight" })
      yield* TestClock.adjust(10 * logWriteMillis)
      yield* barrier.opened
      yield* Fiber.join(interruption)
      disk.logWriteMillis = 0
      expect(yield* status).toMatchObject({ phase: 2, isWrapFlagSet: true })
      expect(yield* cutOver).toMatchObject({ wasAlreadyActive: true })
      yield* put("a", "1")
      expect(yield* get("a")).toBe("1")
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect(
    "a log that fails with the marker under way: outcome unknown, and a restart resolves it",
    () => {
      const disk = new MemoryDisk()
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          yield* slowPhase1(disk)
          disk.logWriteMillis = 0
          disk.nextLogFault = new Error("EIO")
          expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverOutcomeUnknown" })
          expect(yield* Effect.flip(put("a", "1"))).toMatchObject({ _tag: "NodeStopped" })
        }).pipe(Effect.provide(memoryNode({ disk })))
        disk.crash({ keptCommits: disk.unflushedCommits })
        yield* Effect.gen(function* () {
          yield* ready
          yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
          const exit = yield* Effect.exit(cutOver)
          expect(Exit.isSuccess(exit)).toBe(true)
          yield* put("a", "1")
        }).pipe(Effect.provide(memoryNode({ disk })))
      })
    }
  )
})
