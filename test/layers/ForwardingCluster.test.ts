/** SPEC §9: forwarding between real engines in one process, on the test clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KvStore } from "../../src/services/KvStore.ts"
import { elected, founders, inTime } from "../support/FrontedCluster.ts"
import { enableStorage, get, put, text } from "../support/NodeCalls.ts"

describe("nodes that forward to each other", () => {
  it.effect("answer writes and linearizable reads alike, whoever leads", () =>
    Effect.gen(function* () {
      const { at, cluster, followers, leader } = yield* elected()
      const order = [followers[0], leader, followers[1]]
      for (const [written, name] of order.entries()) {
        assert.deepStrictEqual(yield* inTime(at(name, put("k", `${written}`))), {
          revision: (written + 1) as never
        })
        for (const reader of founders) {
          assert.strictEqual(yield* inTime(at(reader, get("k"))), `${written}`)
        }
      }
      const enabled = yield* inTime(at(followers[0], enableStorage))
      assert.isFalse(enabled.wasAlreadyActive)
      assert.isTrue((yield* inTime(at(leader, enableStorage))).wasAlreadyActive)
      assert.strictEqual(cluster.readyLeader(), leader)
    })
  )

  it.effect("pause for an election, and write through the next leader, once", () =>
    Effect.gen(function* () {
      const { at, cluster, followers, leader, stop } = yield* elected()
      yield* stop(leader)
      const revision = yield* inTime(at(followers[0], put("k", "1")))
      assert.deepStrictEqual(revision, { revision: 1 as never })
      const read = Effect.flatMap(KvStore, (store) => store.get(text("k")))
      const found = yield* inTime(at(followers[1], read))
      assert.strictEqual(found?.revision, 1)
      assert.include(followers, cluster.readyLeader())
    })
  )
})
