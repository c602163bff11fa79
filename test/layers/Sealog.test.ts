import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { onTestFinished } from "vitest"
import {
  Cutover,
  EncryptionAdmin,
  KvStore,
  MemoryDisk,
  NodeName,
  NodeStatus,
  Replica,
  Sealog
} from "../../src/index.ts"
import { kek } from "../support/MemoryNode.ts"
import { text } from "../support/NodeCalls.ts"

const named = (name: string) => ({ nodeName: NodeName.make(name) })

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

const inMemory = (name: string, disk = new MemoryDisk()) =>
  Sealog.layerKvMemory({ disk, ...named(name) }).pipe(Layer.provide(quiet))

const onLmdb = (name: string) => {
  const directory = mkdtempSync(join(tmpdir(), "sealog-two-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return Sealog.layerKv({ directory, ...named(name) }).pipe(Layer.provide(quiet))
}

const ready = Effect.flatMap(Replica, (replica) => replica.caughtUp)
const put = (value: string) =>
  Effect.flatMap(KvStore, (store) => store.put(text("key"), text(value)))
const get = Effect.flatMap(KvStore, (store) => store.get(text("key"))).pipe(
  Effect.map((found) => (found === undefined ? undefined : Buffer.from(found.value).toString()))
)
const nodeName = Effect.map(NodeStatus, (status) => status.read().nodeName)

describe("two nodes in one program", () => {
  it.live.each([
    ["in memory", inMemory],
    ["on LMDB", onLmdb]
  ] as const)("%s are two nodes, each with its own name and data", ([, nodeOf]) =>
    Effect.gen(function* () {
      const provider = kek()
      const one = nodeOf("one").pipe(Layer.provide(provider))
      const two = nodeOf("two").pipe(Layer.provide(provider))
      yield* Effect.gen(function* () {
        yield* ready
        yield* put("of one")
        yield* Effect.gen(function* () {
          expect(yield* nodeName).toBe("two")
          yield* ready
          expect(yield* get).toBeUndefined()
          yield* put("of two")
        }).pipe(Effect.provide(two))
        expect(yield* nodeName).toBe("one")
        expect(yield* get).toBe("of one")
      }).pipe(Effect.provide(one))
    })
  )

  it.live("one layer in two places of a program is one node", () =>
    Effect.gen(function* () {
      const bare = Sealog.layerKvMemory({ disk: new MemoryDisk(), ...named("one") })
      const provided = Layer.mergeAll(kek(), quiet)
      const node = bare.pipe(Layer.provide(provided))
      const opensIt = Layer.effectDiscard(ready).pipe(Layer.provide(bare), Layer.provide(provided))
      yield* Effect.gen(function* () {
        expect(yield* Effect.provide(nodeName, node)).toBe("one")
        expect((yield* NodeStatus).read().bootCount).toBe(1)
      }).pipe(Effect.provide(Layer.provideMerge(opensIt, node)))
    })
  )
})

describe("the administration of an embedder", () => {
  it.effect("may be the first to call, at every start", () => {
    const node = (disk: MemoryDisk) => inMemory("n1", disk).pipe(Layer.provide(kek()))
    const disk = new MemoryDisk()
    const enableStorage = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
    const cutOver = Effect.flatMap(Cutover, ({ enableRaftEnvelope }) => enableRaftEnvelope)
    return Effect.gen(function* () {
      const storage = yield* Effect.provide(enableStorage, node(disk))
      expect(storage.wasAlreadyActive).toBe(false)
      const done = yield* Effect.provide(cutOver, node(disk))
      expect(done.wasAlreadyActive).toBe(false)
      const again = yield* Effect.provide(cutOver, node(disk))
      expect(again).toMatchObject({ cutoverIndex: done.cutoverIndex, wasAlreadyActive: true })
    })
  })
})

describe("the key-value store of an embedder", () => {
  const node = (disk: MemoryDisk) => inMemory("n1", disk).pipe(Layer.provide(kek()))

  it.live("takes writes as soon as it is there, and refuses none during a cutover", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const store = yield* KvStore
      expect(yield* store.put(text("first"), text("at once"))).toEqual({ revision: 1 })
      const admin = yield* EncryptionAdmin
      yield* admin.enableStorageEnvelope
      disk.logWriteMillis = 2
      const writer = (name: number) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, at) => text(`w${name}/${at}`)),
          (key) => store.put(key, key)
        )
      const writers = Array.from({ length: 8 }, (_, name) => writer(name))
      const cutOver = Effect.flatMap(Cutover, ({ enableRaftEnvelope }) => enableRaftEnvelope)
      const [done] = yield* Effect.all([cutOver, ...writers], { concurrency: "unbounded" })
      expect(done).toMatchObject({ wasAlreadyActive: false })
      expect((yield* NodeStatus).read()).toMatchObject({ phase: 2, revision: 161 })
      const page = yield* store.range({ span: { _tag: "Prefix", prefix: text("w") }, limit: 1000 })
      expect(page.entries).toHaveLength(160)
    }).pipe(Effect.provide(node(disk)))
  })

  it.live("is still told what has failed for good", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      const store = yield* KvStore
      yield* store.put(text("a"), text("1"))
      disk.nextLogFault = new Error("EIO")
      expect(yield* Effect.flip(store.put(text("b"), text("1")))).toMatchObject({
        _tag: "NodeStopped"
      })
      expect(yield* Effect.flip(Effect.flatMap(Replica, ({ stopped }) => stopped))).toMatchObject({
        _tag: "LogWriteFailure"
      })
    }).pipe(Effect.provide(node(disk)))
  })
})
