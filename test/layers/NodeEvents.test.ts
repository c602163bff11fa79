import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import type { GroupId, NodeName } from "../../src/domain/Ids.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { NodeConfig } from "../../src/services/NodeConfig.ts"
import { Opening } from "../../src/services/Opening.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { Telemetry } from "../../src/services/Telemetry.ts"
import { settled, start } from "../support/Fibers.ts"
import { LogLines } from "../support/LogLines.ts"
import { type MemoryNodeOptions, memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, put, ready } from "../support/NodeCalls.ts"
import { enter, type NodeServices, sealingReady } from "../support/Scraping.ts"

/** Runs on a node, and answers what it has logged when it is closed. */
const logged = <A, E, R extends NodeServices>(
  effect: Effect.Effect<A, E, R>,
  options: MemoryNodeOptions = { disk: new MemoryDisk() }
) => {
  const lines = new LogLines()
  return effect.pipe(
    Effect.provide(memoryNode({ ...options, loggers: [lines.logger] })),
    Effect.as(lines)
  )
}

describe("the log of a node", () => {
  it.effect("tells its life, each thing once and in order", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* enter(2)
          for (let at = 0; at < 20; at++) yield* put(`k${at}`, "v")
        }),
        { disk }
      )
      expect(lines.events).toEqual([
        "Opened",
        // Of the one voter, by the entry that founds the cluster.
        "MembershipChanged",
        "LeadershipGained",
        // Between the entry that brings the keys and the one that enables the storage envelope.
        "Registered",
        "PhaseEntered",
        "CutoverStarted",
        "CutoverDrained",
        "MarkerAppended",
        "CutoverEnded",
        "PhaseEntered",
        "Stopping"
      ])
      for (const { fields, level } of lines.all) {
        expect(fields).toMatchObject({ node: "n1", group: 0 })
        expect(level).toBe("Info")
      }
      expect(lines.of("PhaseEntered")).toMatchObject([{ phase: 1 }, { phase: 2, index: 6 }])
      expect(lines.of("MarkerAppended")).toMatchObject([{ index: 6 }])
      expect(lines.of("CutoverEnded")).toMatchObject([{ end: "CutOver" }])

      const again = yield* logged(Effect.andThen(ready, sealingReady), { disk, seed: 2 })
      expect(again.of("Opened")).toMatchObject([
        { bootCount: 2, phase: 2, cutoverIndex: 6, hasKek: true, appliedIndex: 26, lastIndex: 26 }
      ])
      expect(again.events).toEqual(["Opened", "LeadershipGained", "Registered", "Stopping"])
      expect(again.of("Registered")).toMatchObject([{ localEpoch: 2 }])
    })
  )

  it.effect("says nothing of a start that is refused", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* logged(ready, { disk })
      const lines = new LogLines()
      const refused = memoryNode({ disk, nodeName: "n2", loggers: [lines.logger] })
      yield* Effect.flip(Effect.provide(ready, refused))
      expect(lines.all).toEqual([])
    })
  )

  it.effect("says why a cutover was refused, and how one ended that went wrong", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* ready
          yield* Effect.flip(cutOver)
          yield* Effect.andThen(enableStorage, sealingReady)
          const { term } = (yield* RaftEngine).status()
          // A request that never ends keeps it from draining.
          ;(yield* QuiescenceBarrier).admit({ source: "user", term })
          const run = yield* start(Effect.flip(cutOver))
          yield* settled
          yield* Effect.flip(cutOver)
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(run)
        })
      )
      expect(lines.of("CutoverRefused")).toMatchObject([
        { error: "EncryptionNotBootstrapped" },
        { error: "CutoverInFlight" }
      ])
      expect(lines.of("CutoverStarted")).toMatchObject([{ inFlightCount: 1 }])
      expect(lines.of("CutoverEnded")).toMatchObject([
        { end: "DrainTimedOut", barrierClosedMillis: 5000 }
      ])
      expect(lines.all.find(({ fields }) => fields.event === "CutoverEnded")?.level).toBe("Warn")
    })
  )

  it.effect("says why it halts", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* ready
          disk.nextLogFault = new Error("EIO")
          yield* Effect.flip(put("a", "1"))
          yield* Effect.flip(Effect.flatMap(RaftEngine, (engine) => engine.stopped))
        }),
        { disk }
      )
      expect(lines.of("Halted")).toMatchObject([
        { error: "LogWriteFailure", reason: expect.stringContaining("EIO") }
      ])
      expect(lines.of("Stopping"), "a halt is no stop in good order").toEqual([])
    })
  )

  it.effect("says why this opening will not lead, and that it has ceased to", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* logged(enter(1), { disk })
      const copy = disk.local!
      yield* logged(Effect.andThen(ready, sealingReady), { disk, seed: 2 })
      disk.local = copy
      const follows = Effect.gen(function* () {
        const engine = yield* RaftEngine
        while (engine.status().role !== "Follower") yield* Effect.yieldNow
        yield* settled
        yield* TestClock.adjust("20 seconds")
      })
      const lines = yield* logged(follows, { disk, seed: 3 })
      expect(lines.events).toEqual([
        "Opened",
        "LeadershipGained",
        "CandidacyRenounced",
        "LeadershipLost",
        "Stopping"
      ])
      expect(lines.of("CandidacyRenounced")).toMatchObject([{ reason: "LocalEpochRollback" }])
    })
  )

  it.effect("tells of slow writes once in a while, not each time", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* ready
          disk.logWriteMillis = 1_000
          for (let at = 0; at < 12; at++) {
            const write = yield* start(put("a", `${at}`))
            for (let half = 0; half < 3; half++) {
              yield* settled
              yield* TestClock.adjust(500)
            }
            yield* Fiber.join(write)
          }
        }),
        { disk }
      )
      expect(lines.of("LogSyncSlow")).toMatchObject([
        { millis: 1000, entryCount: 1, unreportedCount: 0 },
        { millis: 1000, entryCount: 1, unreportedCount: expect.any(Number) }
      ])
    })
  )

  it.effect("says once that space is low, and once that there is enough again", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* ready
          const { freeBytesMin } = yield* NodeConfig
          disk.freeBytes = freeBytesMin - 1
          for (let at = 0; at < 3; at++) yield* Effect.flip(put("a", "1"))
          disk.freeBytes = Math.floor(freeBytesMin * 1.05)
          yield* put("a", "1")
          disk.freeBytes = freeBytesMin - 1
          yield* Effect.flip(put("a", "1"))
          disk.freeBytes = 2 * freeBytesMin
          yield* put("a", "1")
          yield* put("a", "1")
        }),
        { disk }
      )
      expect(lines.events.filter((event) => `${event}`.startsWith("Space"))).toEqual([
        "SpaceBelowMark",
        "SpaceAboveMark"
      ])
    })
  )

  it.effect("goes on without a logger that throws", () => {
    const broken = Logger.make(() => {
      throw new Error("disk full")
    })
    return Effect.gen(function* () {
      yield* ready
      yield* put("a", "1")
      expect((yield* Applier).position.index).toBe(3)
      expect((yield* Opening).bootCount).toBe(1)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk(), loggers: [broken] })))
  })

  it.effect("names the node and the group that its layer was given", () => {
    const lines = new LogLines()
    const telemetry = TelemetryLive.layer({ nodeName: "east" as NodeName, groupId: 4 as GroupId })
    return Effect.gen(function* () {
      ;(yield* Telemetry).report({ _tag: "Stopping" })
      expect(lines.of("Stopping")).toEqual([{ node: "east", group: 4, event: "Stopping" }])
    }).pipe(Effect.provide(telemetry.pipe(Layer.provide(Logger.layer([lines.logger])))))
  })
})
