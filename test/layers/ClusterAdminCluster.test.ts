/** SPEC §15: the administration over real engines in one process, on the test clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { MemberId, NodeName } from "../../src/domain/Ids.ts"
import { ClusterAdmin } from "../../src/services/ClusterAdmin.ts"
import { Introductions } from "../../src/services/Introductions.ts"
import { settled, start } from "../support/Fibers.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { get, put } from "../support/NodeCalls.ts"

const name = (text: string) => text as NodeName

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

const elected = (founders: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const cluster = new MemoryCluster({
      founders,
      settings: { learnerCatchUpTimeoutMillis: 2_000 }
    })
    yield* Effect.addFinalizer(() =>
      Effect.forEach(cluster.openNames, (open) => cluster.stop(open))
    )
    yield* inTime(cluster.startAll())
    yield* until(() => cluster.readyLeader() !== undefined)
    return cluster
  })

const adminOf = (cluster: MemoryCluster, of = cluster.readyLeader()!) =>
  Context.get(cluster.services(of), ClusterAdmin)

/** A node that asks to be let in, as its leader hears of it. */
const introduced = Effect.fnUntraced(function* (
  cluster: MemoryCluster,
  nodeName: string,
  id: number
) {
  const joining = yield* start(cluster.start(nodeName))
  yield* until(() => cluster.introductionOf(nodeName) !== undefined)
  const { address, incarnation } = cluster.described(nodeName, id as MemberId)
  assert(address !== undefined)
  Context.get(cluster.services(cluster.readyLeader()!), Introductions).answer({
    nodeName: name(nodeName),
    incarnation,
    address,
    listDigest: undefined,
    hasKek: true,
    softwareVersion: "0"
  })
  return { joining, request: { nodeName: name(nodeName), address, learner: false } }
})

const tagOf = <A, E extends { readonly _tag: string }, R>(refused: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(refused), ({ _tag }) => _tag)

describe("the administration of a cluster", () => {
  it.effect("takes in a node, which has what was written before, and votes", () =>
    Effect.gen(function* () {
      const cluster = yield* elected(["n1", "n2", "n3"])
      const leader = cluster.readyLeader()!
      yield* inTime(cluster.on(leader, put("a", "1")))
      const { joining, request } = yield* introduced(cluster, "n4", 4)
      const added = yield* inTime(adminOf(cluster).add(request))
      assert.deepStrictEqual(added, { id: 4 as MemberId, role: "voter", wasAlready: false })
      yield* inTime(Fiber.join(joining))
      yield* until(
        () => cluster.applier("n4").position.index === cluster.applier(leader).position.index
      )
      assert.strictEqual(yield* cluster.on("n4", get("a", { stale: true })), "1")
      for (const open of cluster.openNames) {
        const roles = adminOf(cluster, open).members()
        assert.deepStrictEqual(
          roles.map(({ id, role }) => [id, role]),
          [1, 2, 3, 4].map((id) => [id as MemberId, "voter"])
        )
      }
    })
  )

  it.effect("leaves a node that never comes a learner, and says so", () =>
    Effect.gen(function* () {
      const cluster = yield* elected(["n1", "n2", "n3"])
      const { joining, request } = yield* introduced(cluster, "n4", 4)
      yield* Fiber.interrupt(joining)
      assert.strictEqual(yield* inTime(tagOf(adminOf(cluster).add(request))), "LearnerLagging")
      const fourth = adminOf(cluster).members().at(-1)
      assert.deepInclude(fourth, { nodeName: name("n4"), role: "learner" })
      const promoted = yield* tagOf(adminOf(cluster).promote(name("n9")))
      assert.strictEqual(promoted, "MemberUnknown")
    })
  )

  it.effect("makes one of two changes that come at once", () =>
    Effect.gen(function* () {
      const cluster = yield* elected(["n1", "n2", "n3"])
      const leader = cluster.readyLeader()!
      const others = ["n1", "n2", "n3"].filter((other) => other !== leader)
      const admin = adminOf(cluster)
      const both = Effect.all(
        others.map((other) => Effect.exit(admin.remove(name(other)))),
        { concurrency: "unbounded" }
      )
      const [first, second] = yield* inTime(both)
      assert(first?._tag === "Success")
      assert(second?._tag === "Failure")
      assert.include(String(second.cause), "another change of the members is being made")
      assert.strictEqual(admin.members().length, 2)
    })
  )

  it.effect("hands over, removes a leader, and keeps the last voter", () =>
    Effect.gen(function* () {
      const cluster = yield* elected(["n1", "n2"])
      const before = cluster.readyLeader()!
      const other = before === "n1" ? "n2" : "n1"
      yield* inTime(adminOf(cluster).transferLeadership(name(other)))
      yield* until(() => cluster.readyLeader() === other)
      assert.strictEqual(
        yield* tagOf(adminOf(cluster, before).remove(name(other))),
        "NotLeader",
        "the one before decides nothing"
      )
      yield* inTime(adminOf(cluster).remove(name(other)))
      yield* until(() => cluster.readyLeader() === before)
      assert.strictEqual(yield* tagOf(adminOf(cluster).remove(name(before))), "LastVoter")
      yield* inTime(cluster.on(before, put("a", "1")))
    })
  )
})
