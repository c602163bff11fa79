/** Nodes that replicate to each other, in one process, on the test clock: what each of them may do. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { settled, start } from "../support/Fibers.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { get, put } from "../support/NodeCalls.ts"

const founders = ["n1", "n2", "n3"]

/** Passes time until it holds. */
const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    for (let at = 0; !holds(); at++) {
      if (at > 400) throw new Error("it never comes to hold")
      yield* TestClock.adjust(50)
      yield* settled
    }
  })

/** A cluster that has elected a leader, and the names of leader and followers. */
const elected = (options: { readonly seed?: number } = {}) =>
  Effect.gen(function* () {
    const cluster = new MemoryCluster({ founders, ...options })
    yield* Effect.addFinalizer(() =>
      Effect.forEach(cluster.openNames, (name) => cluster.stop(name))
    )
    yield* inTime(cluster.startAll())
    yield* until(() => cluster.readyLeader() !== undefined)
    const leader = cluster.readyLeader()!
    return { cluster, leader, followers: founders.filter((name) => name !== leader) }
  })

/** Lets time pass while it runs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fibre = yield* start(effect)
    yield* until(() => fibre.pollUnsafe() !== undefined)
    return yield* Fiber.join(fibre)
  })

describe("three nodes (SPEC §9, §15)", () => {
  it.effect("elect a leader, and every follower applies what it is given", () =>
    Effect.gen(function* () {
      const { cluster, followers, leader } = yield* elected()
      yield* inTime(cluster.on(leader, put("a", "1")))
      expect(yield* inTime(cluster.on(leader, get("a")))).toBe("1")
      for (const name of followers) {
        yield* until(
          () => cluster.applier(name).position.index === cluster.applier(leader).position.index
        )
        expect(yield* cluster.on(name, get("a", { stale: true }))).toBe("1")
        expect(cluster.engine(name).intake()).toMatchObject({
          _tag: "Shut",
          reason: { _tag: "NotLeader", leader: cluster.memberId(leader) }
        })
      }
    })
  )
})
