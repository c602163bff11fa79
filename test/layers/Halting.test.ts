import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Command from "../../src/domain/kv/Command.ts"
import * as KvResult from "../../src/domain/kv/Result.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { kek as memoryKek, memoryNode } from "../support/MemoryNode.ts"
import { administer, cutOver, enableStorage, get, put, ready, text } from "../support/NodeCalls.ts"

const notFound = KvResult.encode({ _tag: "NotFound" })

describe("halting (SPEC §11, §17)", () => {
  /** A node that has cut over and sealed one value, then lost its applied state above the marker. */
  const sealedDisk = Effect.gen(function* () {
    const disk = new MemoryDisk()
    const index = yield* Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      yield* cutOver
      disk.flush()
      yield* put("a", "1")
      return (yield* Applier).position.index
    }).pipe(Effect.provide(memoryNode({ disk })))
    disk.crash({ keptCommits: 0 })
    return { disk, index }
  })

  it.effect("a sealed entry that was changed stops the node at that entry", () =>
    Effect.gen(function* () {
      const { disk, index } = yield* sealedDisk
      const groupId = 0 as never
      const record = EntryRecord.decode(groupId, index, disk.entries.get(index)!)
      if (record._tag === "Failure") return expect.unreachable()
      const data = Buffer.from(record.success.data)
      data[data.length - 1]! ^= 1
      const intact = disk.entries.get(index)!
      disk.entries.set(index, EntryRecord.encode(groupId, { ...record.success, data }))
      yield* Effect.gen(function* () {
        const engine = yield* RaftEngine
        const failure = yield* Effect.flip(engine.stopped)
        expect(failure).toMatchObject({ _tag: "RaftUnwrapFailed", index, reason: "tagMismatch" })
        const applier = yield* Applier
        expect(applier.position.index).toBe(index - 1)
        expect(applier.read(Command.encode({ _tag: "Get", key: text("a") }))).toEqual(notFound)
        for (const stale of [false, true]) {
          const refusal = yield* Effect.flip(get("a", { stale }))
          expect(refusal, `stale: ${stale}`).toMatchObject({ _tag: "NodeStopped" })
        }
      }).pipe(Effect.provide(memoryNode({ disk })))
      disk.entries.set(index, intact)
      yield* Effect.gen(function* () {
        yield* ready
        expect(yield* get("a")).toBe("1")
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  )

  it.effect("an unknown opcode stops the node at that entry", () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      yield* Effect.gen(function* () {
        yield* ready
        const failed = yield* Effect.flip(administer(Buffer.from([0x7f])))
        expect(failed).toMatchObject({ _tag: "NodeStopped" })
        const failure = yield* Effect.flip(Effect.flatMap(RaftEngine, (engine) => engine.stopped))
        expect(failure).toMatchObject({ _tag: "ApplyFailed", reason: "unknownOpcode" })
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  )

  it.effect("refuses to start with the wrong KEK, or without one", () =>
    Effect.gen(function* () {
      const { disk } = yield* sealedDisk
      const start = (provider: ReturnType<typeof memoryKek>) =>
        Effect.exit(Effect.void.pipe(Effect.provide(memoryNode({ disk, kek: provider }))))
      const wrong = yield* start(memoryKek(8))
      expect(Exit.isFailure(wrong) && JSON.stringify(wrong.cause)).toContain("KekMismatch")
      const none = yield* start(KekProviderNone.layer)
      expect(Exit.isFailure(none) && JSON.stringify(none.cause)).toContain("KekUnavailable")
      const right = yield* start(memoryKek())
      expect(Exit.isSuccess(right)).toBe(true)
    })
  )

  it.effect("refuses a directory of another node name", () =>
    Effect.gen(function* () {
      const { disk } = yield* sealedDisk
      const other = Effect.void.pipe(Effect.provide(memoryNode({ disk, nodeName: "n2" })))
      expect(yield* Effect.flip(other)).toMatchObject({
        _tag: "DirectoryOfAnotherNode",
        expected: "n2",
        found: "n1"
      })
    })
  )
})
