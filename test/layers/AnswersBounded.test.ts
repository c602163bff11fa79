/**
 * What requests are answered is bounded as they themselves are (SPEC §8, §9): a transaction of a few
 * bytes may read 4 MiB, and a batch has room for a thousand of them.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { costBytes } from "../../src/domain/engine/SpaceBudget.ts"
import * as Limits from "../../src/domain/Limits.ts"
import { SessionId } from "../../src/domain/log/Request.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { KvStore, type WriteOptions } from "../../src/services/KvStore.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { entriesOf, ready, text } from "../support/NodeCalls.ts"

const large = ["a", "b", "c"].map(text)

/** Reads 3 MiB, and writes a byte. */
const readThree = (options: WriteOptions = {}) =>
  Effect.flatMap(KvStore, (store) =>
    store.txn({
      compares: [],
      onSuccess: [
        { _tag: "Put", key: text("k"), value: text("v") },
        ...large.map((key) => ({ _tag: "Get" as const, key }))
      ],
      onFailure: [],
      ...options
    })
  )

const filled = Effect.gen(function* () {
  yield* ready
  const store = yield* KvStore
  for (const key of large) yield* store.put(key, Buffer.alloc(Limits.valueBytesMax))
})

describe("what transactions read", () => {
  it.effect("closes a batch before it passes what one may answer", () =>
    Effect.gen(function* () {
      yield* filled
      const before = (yield* entriesOf).length
      const count = 24
      const done = yield* Effect.all(
        Array.from({ length: count }, () => readThree()),
        {
          concurrency: "unbounded"
        }
      )
      expect(done.every(({ results }) => results[1]?._tag === "Found")).toBe(true)
      const perBatch = Math.floor(Limits.batchAnswerBytesMax / (3 * Limits.valueBytesMax))
      const batches = (yield* entriesOf).length - before
      // The first one is cut as soon as there is one request.
      expect(batches).toBeGreaterThanOrEqual(Math.ceil(count / perBatch))
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("counts as space that is promised, where it is recorded", () => {
    const disk = new MemoryDisk()
    const { freeBytesMin } = NodeConfigLive.defaults
    const sessionId = SessionId.make("0".repeat(32))
    return Effect.gen(function* () {
      yield* filled
      const store = yield* KvStore
      yield* store.openSession(sessionId)
      disk.freeBytes = freeBytesMin + costBytes(Limits.kibibyte, 7 * Limits.mebibyte)
      const asked = [1, 2, 3, 4].map((sequence) => readThree({ session: { sessionId, sequence } }))
      const ends = yield* Effect.all(asked.map(Effect.exit), { concurrency: "unbounded" })
      expect(ends.map(({ _tag }) => _tag)).toEqual(["Success", "Success", "Failure", "Failure"])
      const unrecorded = Array.from({ length: 8 }, () => readThree())
      yield* Effect.all(unrecorded, { concurrency: "unbounded" })
      yield* readThree({ session: { sessionId, sequence: 5 } })
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})
