/**
 * A cluster in one process with what `serve` puts in front of its nodes: patience, forwarding, and the way
 * from each member to the others. On the test clock.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as MemberConnectionMemory from "../../src/layers/MemberConnectionMemory.ts"
import { MemoryMembers } from "../../src/layers/MemoryMembers.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import type { Cutover } from "../../src/services/Cutover.ts"
import type { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import type { EncryptionSurvey } from "../../src/services/EncryptionSurvey.ts"
import type { KvStore } from "../../src/services/KvStore.ts"
import { settled, start } from "./Fibers.ts"
import { MemoryCluster, type MemoryClusterOptions } from "./MemoryCluster.ts"

/** Passes time until it holds. */
export const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    for (let at = 0; !holds(); at++) {
      if (at > 800) throw new Error("it never comes to hold")
      yield* TestClock.adjust(50)
      yield* settled
    }
  })

/** Lets time pass while it runs. */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fibre = yield* start(effect)
    yield* until(() => fibre.pollUnsafe() !== undefined)
    return yield* Fiber.join(fibre)
  })

/** What the users of a node call. */
export type FrontServices = KvStore | EncryptionAdmin | EncryptionSurvey | Cutover

interface Front {
  readonly scope: Scope.Closeable
  readonly services: Context.Context<FrontServices>
}

export const founders = ["n1", "n2", "n3"]

/** A cluster that has elected a leader, each node with its front. */
export const elected = Effect.fnUntraced(function* (options: Partial<MemoryClusterOptions> = {}) {
  const cluster = new MemoryCluster({ founders, ...options })
  const members = new MemoryMembers()
  const fronts = new Map<string, Front>()
  yield* Effect.addFinalizer(() => Effect.forEach(cluster.openNames, (name) => cluster.stop(name)))

  /** In front of a node that is open. */
  const serve = Effect.fnUntraced(function* (name: string) {
    const front = NodeFront.layerOver(MemberConnectionMemory.layer({ members }))
    const served = Layer.provideMerge(MemberConnectionMemory.served({ members }), front)
    const node = Layer.succeedContext(cluster.services(name))
    const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
    const services = yield* Layer.buildWithScope(Layer.fresh(Layer.provide(served, node)), scope)
    fronts.set(name, { scope, services })
  })
  const hideFront = (name: string) => Scope.close(fronts.get(name)!.scope, Exit.void)

  yield* inTime(cluster.startAll())
  yield* until(() => cluster.readyLeader() !== undefined)
  for (const name of founders) yield* serve(name)
  const leader = cluster.readyLeader()!
  return {
    cluster,
    leader,
    followers: founders.filter((name) => name !== leader) as [string, string],
    serve,
    /** As a user of that node. */
    at: <A, E, R extends FrontServices>(name: string, effect: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => Effect.provideContext(effect, fronts.get(name)!.services)),
    /** First what is in front of it, as `serve` does. */
    stop: (name: string) => Effect.andThen(hideFront(name), cluster.stop(name)),
    /** The power of one node goes: it answers nobody, and what of its state was not flushed is lost. */
    crash: (name: string) =>
      Effect.andThen(
        hideFront(name),
        cluster.crash([name], () => 0)
      )
  }
})
