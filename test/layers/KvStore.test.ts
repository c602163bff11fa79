/** The KV store in process and over a socket, in front of a node on a memory disk. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as SocketServer from "effect/socket/SocketServer"
import * as Span from "../../src/domain/kv/Span.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcServerSocket from "../../src/layers/RpcServerSocket.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { describeKvStore } from "../contracts/KvStore.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { enableStorage, entriesOf, get, put, ready, text } from "../support/NodeCalls.ts"

const freshNode = Effect.suspend(() => Layer.build(memoryNode({ disk: new MemoryDisk() }))).pipe(
  Effect.tap((node) => Effect.provideContext(ready, node))
)

const freshNodeSealing = Effect.tap(freshNode, (node) => Effect.provideContext(enableStorage, node))

describeKvStore(
  "KvStore in process, plain",
  Effect.map(freshNode, (node) => Context.get(node, KvStore))
)

describeKvStore(
  "KvStore over a socket, sealed",
  Effect.gen(function* () {
    const node = yield* freshNodeSealing
    const server = Layer.provide(
      RpcServerSocket.layer({ host: "127.0.0.1", port: 0 }),
      NodeFront.layer
    )
    const served = yield* Effect.provideContext(Layer.build(server), node)
    const { address } = Context.get(served, SocketServer.SocketServer)
    assert(address._tag === "InetAddressV4")
    return yield* RpcClientSocket.connect({ host: "127.0.0.1", port: address.port })
  })
)

describe("KvStore (SPEC §7)", () => {
  it.effect("proposes nothing for what can only read", () =>
    Effect.gen(function* () {
      yield* ready
      yield* put("a", "1")
      const store = yield* KvStore
      const before = (yield* entriesOf).length
      const read = { _tag: "Get", key: text("a") } as const
      const done = yield* store.txn({ compares: [], onSuccess: [read], onFailure: [read] })
      assert.strictEqual(done.results[0]?._tag, "Found")
      yield* store.range({ span: { _tag: "Prefix", prefix: text("") }, limit: 1 })
      assert.lengthOf(yield* entriesOf, before)
      const write = { _tag: "Delete", key: text("a") } as const
      yield* store.txn({ compares: [], onSuccess: [read], onFailure: [write] })
      assert.lengthOf(yield* entriesOf, before + 1)
    }).pipe(Effect.provide(memoryNode({ disk: new MemoryDisk() })))
  )

  it.effect("replays transactions over a restart to the same revisions", () => {
    const disk = new MemoryDisk()
    const node = memoryNode({ disk })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* ready
        yield* enableStorage
        const store = yield* KvStore
        for (const value of ["1", "2"]) {
          const onSuccess = ["a", "b"].map(
            (key) => ({ _tag: "Put", key: text(key), value: text(value) }) as const
          )
          yield* store.txn({ compares: [], onSuccess, onFailure: [] })
        }
      }).pipe(Effect.provide(node))
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        yield* ready
        assert.strictEqual(yield* get("b"), "2")
        assert.deepStrictEqual(yield* put("c", "3"), { revision: 3 })
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  })

  it.effect("a range and a reading transaction wait until all that was answered is applied", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* Effect.andThen(ready, put("a", "1")).pipe(Effect.provide(memoryNode({ disk })))
      disk.crash({ keptCommits: 0 })
      yield* Effect.gen(function* () {
        const { range, txn } = yield* KvStore
        const all = { span: Span.all, limit: 1 }
        const get = { _tag: "Get", key: text("a") } as const
        const [page, done] = yield* Effect.all([
          Effect.forkChild(patiently(range(all)), { startImmediately: true }),
          Effect.forkChild(patiently(txn({ compares: [], onSuccess: [get], onFailure: [] })), {
            startImmediately: true
          })
        ])
        const before = yield* range({ ...all, stale: true })
        assert.lengthOf(before.entries, 0, "nothing is replayed yet")
        assert.lengthOf((yield* Fiber.join(page)).entries, 1)
        assert.strictEqual((yield* Fiber.join(done)).results[0]?._tag, "Found")
      }).pipe(Effect.provide(memoryNode({ disk })))
    })
  })
})

/** There is no leader for a moment after a start. */
const patiently = <A, E>(read: Effect.Effect<A, E>) =>
  Effect.retry(
    Effect.tapError(read, () => Effect.yieldNow),
    { times: 1_000 }
  )
