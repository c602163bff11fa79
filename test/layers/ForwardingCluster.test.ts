/** SPEC §9: forwarding between real engines in one process, on the test clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as LeaderConnectionMemory from "../../src/layers/LeaderConnectionMemory.ts"
import { MemoryLeaders } from "../../src/layers/MemoryLeaders.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { settled, start } from "../support/Fibers.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { text } from "../support/NodeCalls.ts"

const founders = ["n1", "n2", "n3"]

/** Passes time until it holds. */
const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    for (let at = 0; !holds(); at++) {
      if (at > 800) throw new Error("it never comes to hold")
      yield* TestClock.adjust(50)
      yield* settled
    }
  })

/** Lets time pass while it runs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fibre = yield* start(effect)
    yield* until(() => fibre.pollUnsafe() !== undefined)
    return yield* Fiber.join(fibre)
  })

interface Front {
  readonly scope: Scope.Closeable
  readonly services: Context.Context<KvStore | EncryptionAdmin>
}

/** A cluster that has elected a leader, and what the users of each node call. */
const elected = Effect.gen(function* () {
  const cluster = new MemoryCluster({ founders })
  const leaders = new MemoryLeaders()
  yield* Effect.addFinalizer(() => Effect.forEach(cluster.openNames, (name) => cluster.stop(name)))
  yield* inTime(cluster.startAll())
  yield* until(() => cluster.readyLeader() !== undefined)
  const fronts = new Map<string, Front>()
  for (const name of founders) {
    const front = NodeFront.layerOver(LeaderConnectionMemory.layer({ leaders }))
    const served = Layer.provideMerge(LeaderConnectionMemory.served({ leaders }), front)
    const node = Layer.succeedContext(cluster.services(name))
    const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
    const services = yield* Layer.buildWithScope(Layer.fresh(Layer.provide(served, node)), scope)
    fronts.set(name, { scope, services })
  }
  const leader = cluster.readyLeader()!
  return {
    cluster,
    leader,
    followers: founders.filter((name) => name !== leader) as [string, string],
    storeOf: (name: string) => Context.get(fronts.get(name)!.services, KvStore),
    adminOf: (name: string) => Context.get(fronts.get(name)!.services, EncryptionAdmin),
    /** First what is in front of it, as `serve` does. */
    stop: (name: string) =>
      Effect.andThen(Scope.close(fronts.get(name)!.scope, Exit.void), cluster.stop(name))
  }
})

const putAt = (store: KvStore["Service"], value: string) => store.put(text("k"), text(value))

describe("nodes that forward to each other", () => {
  it.effect("answer writes and linearizable reads alike, whoever leads", () =>
    Effect.gen(function* () {
      const { adminOf, cluster, followers, leader, storeOf } = yield* elected
      const order = [followers[0], leader, followers[1]]
      for (const [at, name] of order.entries()) {
        assert.deepStrictEqual(yield* inTime(putAt(storeOf(name), `${at}`)), {
          revision: (at + 1) as never
        })
        for (const reader of founders) {
          const found = yield* inTime(storeOf(reader).get(text("k")))
          assert.strictEqual(Buffer.from(found!.value).toString(), `${at}`)
        }
      }
      const enabled = yield* inTime(adminOf(followers[0]).enableStorageEnvelope)
      assert.isFalse(enabled.wasAlreadyActive)
      assert.isTrue((yield* inTime(adminOf(leader).enableStorageEnvelope)).wasAlreadyActive)
      assert.strictEqual(cluster.readyLeader(), leader)
    })
  )

  it.effect("pause for an election, and write through the next leader, once", () =>
    Effect.gen(function* () {
      const { cluster, followers, leader, stop, storeOf } = yield* elected
      yield* stop(leader)
      const revision = yield* inTime(putAt(storeOf(followers[0]), "1"))
      assert.deepStrictEqual(revision, { revision: 1 as never })
      const found = yield* inTime(storeOf(followers[1]).get(text("k")))
      assert.strictEqual(found?.revision, 1)
      assert.include(followers, cluster.readyLeader())
    })
  )
})
