/** Three real processes are one cluster (SPEC §3, §15). */
import { cp, rename, rm } from "node:fs/promises"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ProcessCluster from "../support/ProcessCluster.ts"
import { stop } from "../support/ProcessSealog.ts"

const { bootstrap, get, places, put, serveAt, statusOf } = ProcessCluster

const live = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()))

/** The node that leads, and the others. */
const leaderOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<ProcessCluster.ClusterNode>) {
  for (const node of nodes) {
    const status = yield* statusOf(node.place)
    if (status.role === "Leader") {
      return { leader: node, followers: nodes.filter((other) => other !== node) }
    }
  }
  return assert.fail("nobody leads, although a write has been taken")
})

describe("a cluster of three processes", () => {
  live("forms, serves through every node, survives kill -9 of its leader, and takes it back", () =>
    Effect.gen(function* () {
      const all = yield* places(3)
      const nodes = yield* bootstrap(all)
      const [first] = nodes
      expect(JSON.parse(first!.readyLine)).toMatchObject({ ready: true, peer: all[0]!.peer })
      yield* put(all, "one", "1")
      const { followers, leader } = yield* leaderOf(nodes)
      for (const place of all) expect(yield* get(place, "one")).toBe("1")
      const clusters = yield* Effect.forEach(all, statusOf)
      expect(new Set(clusters.map(({ clusterId }) => clusterId)).size).toBe(1)
      expect(clusters.map(({ memberId }) => memberId)).toEqual([1, 2, 3])

      yield* stop(leader, "SIGKILL")
      const left = followers.map(({ place }) => place)
      yield* put(left, "two", "2")
      for (const place of left) expect(yield* get(place, "two")).toBe("2")

      // Its directory says who it is and where its peers reach it.
      const again = yield* serveAt(leader.place)
      expect(JSON.parse(again.readyLine)).toMatchObject({ peer: leader.place.peer })
      expect(yield* get(leader.place, "two")).toBe("2")
      yield* put([leader.place], "three", "3")
      expect(yield* get(left[0]!, "three")).toBe("3")
    })
  )

  live("refuses a member whose directory is an older copy of itself, and tells both sides", () =>
    Effect.gen(function* () {
      const all = yield* places(3)
      const [one, two, three] = yield* bootstrap(all)
      yield* put(all, "one", "1")
      const { directory } = three!.place
      yield* stop(three!, "SIGTERM")
      yield* Effect.promise(() => cp(directory, `${directory}-copy`, { recursive: true }))
      const later = yield* serveAt(three!.place)
      expect(yield* get(later.place, "one")).toBe("1")
      yield* stop(later, "SIGKILL")

      yield* Effect.promise(() => rm(directory, { recursive: true }))
      yield* Effect.promise(() => rename(`${directory}-copy`, directory))
      const restored = yield* serveAt(three!.place)
      for (const node of [one!, two!, restored]) yield* node.said(/reason=diskRolledBack/)
      // The others do without it, and it counts for nothing: without one of them there is no quorum.
      yield* put([one!.place, two!.place], "two", "2")
      const { followers, leader } = yield* leaderOf([one!, two!])
      yield* stop(followers[0]!, "SIGKILL")
      yield* leader.said(/event=LeadershipLost/)
    })
  )
})
