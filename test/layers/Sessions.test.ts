/** SPEC §7: a write of a session is applied once, however often it is proposed, and by whatever opening. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as KvCommand from "../../src/domain/kv/Command.ts"
import * as KvResult from "../../src/domain/kv/Result.ts"
import { SessionId } from "../../src/domain/log/Request.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { Gate, gatedNode } from "../support/GatedLog.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, entriesOf, get, put, ready, text } from "../support/NodeCalls.ts"

const sessionId = SessionId.make("0123456789abcdef0123456789abcdef")
const openSession = Effect.flatMap(Coordinator, (service) => service.openSession(sessionId))

const once = (sequence: number, command: KvCommand.Command) =>
  Effect.flatMap(Coordinator, (service) =>
    service.proposeOnce(KvCommand.encode(command), { sessionId, sequence })
  ).pipe(Effect.map((result) => Result.getOrThrow(KvResult.decode(result))))

const putOnce = (sequence: number, value: string) =>
  once(sequence, { _tag: "Put", key: text("k"), value: text(value) })

describe("a write of a session", () => {
  it.effect("is applied once, and answered as it was the first time", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      yield* openSession
      yield* openSession
      const first = yield* putOnce(1, "one")
      yield* putOnce(2, "two")
      const before = (yield* entriesOf).length
      expect(yield* putOnce(1, "one")).toEqual(first)
      expect((yield* entriesOf).length).toBe(before + 1)
      expect(yield* get("k")).toBe("two")
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect("whose answer was lost in a crash is answered by the next opening", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* ready
        yield* openSession
        yield* putOnce(1, "one")
        gate.close()
        yield* Effect.forkChild(putOnce(2, "two"))
        yield* gate.reached
        const entries = disk.entries.size
        gate.open()
        // The entry is durable; the node goes down and nobody waits for its answer any more.
        yield* Effect.repeat(Effect.yieldNow, { while: () => disk.entries.size === entries })
      }).pipe(Effect.provide(gatedNode({ disk, gate })))
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        yield* ready
        yield* put("other", "x")
        expect(yield* putOnce(2, "two")).toMatchObject({ _tag: "Written", revision: 2 })
        expect(yield* putOnce(1, "one")).toMatchObject({ _tag: "Written", revision: 1 })
        expect(yield* putOnce(3, "three")).toMatchObject({ _tag: "Written", revision: 4 })
        expect(yield* get("k")).toBe("three")
      }).pipe(Effect.provide(memoryNode({ disk, seed: 2 })))
    })
  })

  it.effect("proposed twice at once is applied once", () => {
    const disk = new MemoryDisk()
    const gate = new Gate()
    return Effect.gen(function* () {
      yield* ready
      yield* openSession
      gate.close()
      yield* Effect.forkChild(put("other", "x"))
      yield* gate.reached
      // Both wait for the write under way, and become one batch.
      const both = [
        yield* Effect.forkChild(putOnce(1, "one"), { startImmediately: true }),
        yield* Effect.forkChild(putOnce(1, "one"), { startImmediately: true })
      ]
      gate.open()
      const [first, second] = yield* Effect.forEach(both, Fiber.join)
      expect(second).toEqual(first)
      expect(yield* put("other", "y")).toEqual({ revision: 3 })
    }).pipe(Effect.provide(gatedNode({ disk, gate })))
  })

  it.effect("is refused without a session, and nothing is applied", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      expect(yield* Effect.flip(putOnce(1, "one"))).toMatchObject({ _tag: "SessionUnknown" })
      expect(yield* get("k")).toBeUndefined()
    }).pipe(Effect.provide(memoryNode({ disk })))
  })

  it.effect("crosses the cutover, and what is recorded of it is sealed as values are", () => {
    const disk = new MemoryDisk()
    const secret = "a value that nobody may read"
    const read = { _tag: "Get", key: text("k") } as const
    const everything = () =>
      Buffer.concat(
        disk.journal.flatMap((record) => {
          if (record.environment === "log") return record.changes.entries.map((e) => e.record)
          const values: Array<Uint8Array> = []
          record.changes.forEach((_table, _text, { value }) => {
            if (value !== undefined) values.push(value)
          })
          return values
        })
      ).toString("latin1")
    return Effect.gen(function* () {
      yield* ready
      yield* openSession
      yield* enableStorage
      yield* cutOver
      yield* putOnce(1, secret)
      const found = yield* once(2, read)
      expect(found).toMatchObject({ _tag: "Found", found: { value: text(secret) } })
      yield* put("k", "changed")
      expect(yield* once(2, read)).toEqual(found)
      expect(everything().length).toBeGreaterThan(500)
      expect(everything()).not.toContain(secret)
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})
