import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as KvCommand from "../../src/domain/kv/Command.ts"
import { SessionId } from "../../src/domain/log/Request.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { entriesOf, ready, text } from "../support/NodeCalls.ts"

const settings = { sessionIdleMillis: 10_000, sessionScanMillis: 1_000 }
const [used, idle] = ["a", "b"].map((digit) => SessionId.make(digit.repeat(32))) as [
  SessionId,
  SessionId
]
const open = (sessionId: SessionId) =>
  Effect.flatMap(Coordinator, (service) => service.openSession(sessionId))
const write = (sessionId: SessionId, sequence: number) =>
  Effect.flatMap(Coordinator, (service) =>
    service.proposeOnce(
      KvCommand.encode({ _tag: "Put", key: text("k"), value: text(`${sequence}`) }),
      { sessionId, sequence }
    )
  )

describe("the housekeeping of sessions (SPEC §7)", () => {
  it.effect("ends those that nobody uses, and no other", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      yield* open(used)
      yield* open(idle)
      yield* write(idle, 1)
      for (let sequence = 1; sequence <= 15; sequence++) {
        yield* write(used, sequence)
        yield* TestClock.adjust(settings.sessionScanMillis)
      }
      expect(yield* Effect.flip(write(idle, 2))).toMatchObject({ _tag: "SessionUnknown" })
      yield* write(used, 16)
      const before = (yield* entriesOf).length
      yield* TestClock.adjust(2 * settings.sessionScanMillis)
      expect(yield* entriesOf, "one entry ended it").toHaveLength(before)
    }).pipe(Effect.provide(memoryNode({ disk, settings })))
  })

  it.effect("does not take a clock that is set forward for time that has passed", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let aheadMillis = 0
      const wall = () => clock.currentTimeMillisUnsafe() + aheadMillis
      const setForward: Clock.Clock = {
        ...clock,
        currentTimeMillisUnsafe: wall,
        currentTimeMillis: Effect.sync(wall)
      }
      const node = Effect.gen(function* () {
        yield* ready
        yield* open(used)
        yield* TestClock.adjust(2 * settings.sessionScanMillis)
        aheadMillis = 100 * settings.sessionIdleMillis
        yield* TestClock.adjust(2 * settings.sessionScanMillis)
        return yield* Effect.exit(write(used, 1))
      }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk(), settings })))
      const written = yield* Effect.provideService(node, Clock.Clock, setForward)
      expect(written._tag).toBe("Success")
    })
  )

  it.effect("keeps a session over a restart, and counts its time anew", () => {
    const disk = new MemoryDisk()
    const life = (millis: number) =>
      Effect.gen(function* () {
        yield* ready
        yield* TestClock.adjust(millis)
        return yield* Effect.exit(write(idle, 1))
      }).pipe(Effect.provide(memoryNode({ disk, settings })))
    return Effect.gen(function* () {
      yield* Effect.andThen(ready, open(idle)).pipe(Effect.provide(memoryNode({ disk, settings })))
      expect((yield* life(8_000))._tag).toBe("Success")
      expect((yield* life(8_000))._tag).toBe("Success")
      expect((yield* life(20_000))._tag).toBe("Failure")
    })
  })
})
