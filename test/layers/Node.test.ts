import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../../src/domain/encryption/Command.ts"
import type { KeyId, LogIndex } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import * as KekProviderNone from "../../src/layers/KekProviderNone.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { kek as memoryKek, memoryNode } from "../support/MemoryNode.ts"

const text = (value: string) => Buffer.from(value)

const put = (key: string, value: string) =>
  Effect.flatMap(KvStore, (store) => store.put(text(key), text(value)))

const get = (key: string, options?: { readonly stale?: boolean }) =>
  Effect.flatMap(KvStore, (store) => store.get(text(key), options)).pipe(
    Effect.map((found) => (found === undefined ? undefined : Buffer.from(found.value).toString()))
  )

const enableStorage = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
const cutOver = Effect.flatMap(Cutover, (cutover) => cutover.enableRaftEnvelope)
const status = Effect.map(EncryptionAdmin, (admin) => admin.status())
const entriesOf = Effect.map(RaftLogStore, ({ reader }) =>
  reader.entries(1 as LogIndex, (reader.lastIndex() + 1) as LogIndex, 1 << 30)
)

/** A leader takes proposals in once its noop is applied; this waits for it. */
const ready = Effect.flatMap(RaftEngine, (engine) =>
  Effect.gen(function* () {
    while (engine.intake()._tag === "Shut") yield* Effect.yieldNow
  })
)

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

  it.effect("no write is lost or refused by a cutover under load, for want of a retry", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      const acknowledged = new Map<string, string>()
      let refused = 0
      const writer = (name: number) =>
        Effect.gen(function* () {
          for (let at = 0; at < 60; at++) {
            const key = `w${name}/${at}`
            yield* put(key, key).pipe(
              Effect.tapError(() => Effect.sync(() => refused++)),
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
      expect(refused).toBeGreaterThanOrEqual(0)
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

  it.effect("a marker for another key is stale: nothing is sealed and the barrier opens", () =>
    Effect.gen(function* () {
      yield* ready
      yield* enableStorage
      const coordinator = yield* Coordinator
      const marker = Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId: 1 as KeyId })
      expect(yield* coordinator.administer(marker)).toEqual({ _tag: "Stale" })
      expect(yield* status).toMatchObject({ phase: 1, isWrapFlagSet: false })
      yield* put("a", "1")
      expect(yield* cutOver).toMatchObject({ wasAlreadyActive: false })
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect(
    "a second caller is refused while the first drains, and a drain that hangs reopens",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* enableStorage
        yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
        const { QuiescenceBarrier } = yield* Effect.promise(
          () => import("../../src/services/QuiescenceBarrier.ts")
        )
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
        expect((yield* Applier).position.index).toBe(index - 1)
        expect(yield* get("a", { stale: true })).toBeUndefined()
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
        const coordinator = yield* Coordinator
        const failed = yield* Effect.flip(coordinator.administer(Buffer.from([0x7f])))
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
