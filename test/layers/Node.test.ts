import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { cutOver, enableStorage, entriesOf, get, put, ready, text } from "../support/NodeCalls.ts"

describe("a node (SPEC §7, §9, §11)", () => {
  it.effect("puts, gets and deletes, each change with a revision of its own", () =>
    Effect.gen(function* () {
      yield* ready
      expect(yield* put("a", "1")).toEqual({ revision: 1 })
      expect(yield* put("a", "2")).toEqual({ revision: 2 })
      expect(yield* get("a")).toBe("2")
      const store = yield* KvStore
      expect(yield* store.get(text("a"))).toMatchObject({ revision: 2, createRevision: 1 })
      expect(yield* store.delete(text("b"))).toEqual({ revision: 2, deleted: false })
      expect(yield* store.delete(text("a"))).toEqual({ revision: 3, deleted: true })
      expect(yield* get("a")).toBeUndefined()
      expect(yield* get("a", { stale: true })).toBeUndefined()
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("refuses what is beyond the limits, and proposes nothing", () =>
    Effect.gen(function* () {
      yield* ready
      const store = yield* KvStore
      const before = (yield* entriesOf).length
      expect(yield* Effect.flip(store.put(text(""), text("x")))).toMatchObject({ _tag: "KeyEmpty" })
      expect(yield* Effect.flip(store.get(Buffer.alloc(1025, 1)))).toMatchObject({
        _tag: "KeyTooLarge",
        bytes: 1025
      })
      const tooLarge = store.put(text("k"), Buffer.alloc((1 << 20) + 1))
      expect(yield* Effect.flip(tooLarge)).toMatchObject({ _tag: "ValueTooLarge" })
      expect(yield* entriesOf).toHaveLength(before)
      yield* store.put(Buffer.alloc(1024, 1), Buffer.alloc(1 << 20))
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("makes one entry of the requests that wait together", () =>
    Effect.gen(function* () {
      yield* ready
      const before = (yield* entriesOf).length
      const puts = Array.from({ length: 200 }, (_, at) => put(`k${at}`, `v${at}`))
      yield* Effect.all(puts, { concurrency: "unbounded" })
      expect((yield* entriesOf).length - before).toBeLessThan(10)
      for (const at of [0, 99, 199]) expect(yield* get(`k${at}`)).toBe(`v${at}`)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("keeps everything over a restart, and replays what a crash took from the state", () => {
    const disk = new MemoryDisk()
    const node = memoryNode({ disk })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* ready
        for (let at = 0; at < 20; at++) yield* put(`k${at}`, `v${at}`)
      }).pipe(Effect.provide(memoryNode({ disk })))
      disk.crash({ keptCommits: Math.floor(disk.unflushedCommits / 2) })
      yield* Effect.gen(function* () {
        yield* ready
        for (let at = 0; at < 20; at++) expect(yield* get(`k${at}`)).toBe(`v${at}`)
        expect((yield* Opening).bootCount).toBe(2)
        expect(yield* put("k", "v")).toEqual({ revision: 21 })
      }).pipe(Effect.provide(node))
    })
  })

  it.effect("a failed write to the log stops the node and answers nobody with success", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      disk.nextLogFault = new Error("EIO")
      const error = yield* Effect.flip(put("a", "1"))
      expect(error).toMatchObject({ _tag: "NodeStopped" })
      const engine = yield* RaftEngine
      const stopped = yield* Effect.flip(engine.stopped)
      expect(stopped).toMatchObject({ _tag: "LogWriteFailure" })
      expect(yield* Effect.flip(put("b", "1"))).toMatchObject({ _tag: "NodeStopped" })
      expect(yield* Effect.flip(get("a"))).toMatchObject({ _tag: "NodeStopped" })
    }).pipe(Effect.provide(memoryNode({ disk })))
  })
})

describe("the append guard (SPEC §10)", () => {
  it.effect("refuses plaintext above an effective marker, whatever the flag says", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      yield* cutOver
      const engine = yield* RaftEngine
      const intake = engine.intake()
      if (intake._tag === "Shut") return expect.unreachable()
      const before = (yield* entriesOf).length
      const refused = engine.propose({
        body: Buffer.from([0, 0, 3, 97]),
        term: intake.term,
        toBeSealed: false,
        onEvent: () => expect.unreachable()
      })
      expect(yield* Effect.flip(refused)).toMatchObject({ _tag: "CutoverInFlight" })
      expect(yield* entriesOf).toHaveLength(before)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("refuses a sealed proposal while no marker counts, and one of another term", () =>
    Effect.gen(function* () {
      yield* ready
      const engine = yield* RaftEngine
      const { term } = engine.status()
      const propose = (options: { readonly toBeSealed: boolean; readonly term: number }) =>
        Effect.flip(
          engine.propose({
            body: Buffer.from([0, 0, 3, 97]),
            term: options.term as never,
            toBeSealed: options.toBeSealed,
            onEvent: () => expect.unreachable()
          })
        )
      expect(yield* propose({ toBeSealed: true, term })).toMatchObject({ _tag: "CutoverInFlight" })
      expect(yield* propose({ toBeSealed: false, term: term + 1 })).toMatchObject({
        _tag: "NotLeader"
      })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("sealed bodies stay inside the proposal envelope, whose id stays readable", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      const { cutoverIndex } = yield* cutOver
      yield* put("a", "1")
      const sealed = (yield* entriesOf).filter(
        ({ index, kind }) => index > cutoverIndex && kind === "normal"
      )
      expect(sealed.length).toBeGreaterThan(0)
      for (const { data } of sealed) {
        expect(ProposalEnvelope.proposalIdOf(data)).toBeTypeOf("bigint")
        expect(ProposalEnvelope.bodyOf(data)?.subarray(0, 2)).toEqual(Buffer.from([1, 0]))
      }
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )
})

describe("a node whose log grows (SPEC §16)", () => {
  it.effect("compacts it while it serves, and starts again on what is left", () => {
    const disk = new MemoryDisk()
    const node = memoryNode({
      disk,
      settings: { compactionEntries: 40, compactionTailEntries: 10 }
    })
    const firstIndex = Effect.map(RaftLogStore, ({ reader }) => reader.firstIndex())
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* ready
        for (let at = 0; at < 120; at++) yield* put("k", `${at}`)
        expect(yield* firstIndex).toBeGreaterThan(40)
        disk.crash({ keptCommits: 0 })
      }).pipe(Effect.provide(node))
      yield* Effect.gen(function* () {
        yield* ready
        expect(yield* get("k")).toBe("119")
        expect(yield* firstIndex).toBeGreaterThan(40)
        expect(yield* put("k", "after")).toEqual({ revision: 121 })
      }).pipe(Effect.provide(node))
    })
  })
})
