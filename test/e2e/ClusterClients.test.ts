/**
 * SPEC §7, §9: clients of a real cluster whose leaders are killed, stopped and handed over: with a session
 * each write is applied exactly once.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"
import * as OperatedCluster from "../support/ProcessOperatedCluster.ts"
import * as Process from "../support/ProcessSealog.ts"

/** A cluster and two dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

const clientCount = 6

/** Revisions that were answered, and a wait for more of them. */
class Answered {
  readonly revisions: Array<number> = []
  private waiting: Array<{ readonly count: number; readonly reached: Deferred.Deferred<void> }> = []

  add(revision: number): void {
    this.revisions.push(revision)
    for (const { count, reached } of this.waiting) {
      if (count <= this.revisions.length) Deferred.doneUnsafe(reached, Effect.void)
    }
    this.waiting = this.waiting.filter(({ count }) => count > this.revisions.length)
  }

  more(count: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reached = Deferred.makeUnsafe<void>()
      this.waiting.push({ count: this.revisions.length + count, reached })
      return Deferred.await(reached)
    })
  }
}

describe("clients of a cluster", () => {
  it.live("ride out leaders that go, and every write with a session is applied once", () =>
    Effect.gen(function* () {
      const { endpoints, names, ...cluster } = yield* OperatedCluster.start()
      yield* cluster.leader
      const client = yield* RpcClientSocket.connect(endpoints)
      const session = yield* RpcSession.make(client, { deadlineMillis: 60_000 })
      const answered = new Answered()
      let isOver = false
      const writer = (id: number) =>
        Effect.gen(function* () {
          for (let at = 0; !isOver; at++) {
            answered.add((yield* session.put(`client-${id}`, `${at}`)).revision)
          }
        })
      const writers = yield* Effect.forEach(
        Array.from({ length: clientCount }, (_, id) => id),
        (id) => Effect.forkChild(writer(id))
      )
      for (const signal of ["SIGKILL", "SIGTERM"] as const) {
        yield* answered.more(50)
        const leader = yield* cluster.leader
        yield* cluster.end(leader, signal)
        yield* answered.more(50)
        yield* cluster.restart(leader)
      }
      const leader = yield* cluster.leader
      yield* client.transferLeadership(names.find((name) => name !== leader)!)
      yield* answered.more(50)
      isOver = true
      yield* Fiber.joinAll(writers)

      // Every put takes a revision: one that was applied twice would have taken two.
      yield* client.get("client-0")
      const { revision } = yield* client.status
      const { revisions } = answered
      assert.strictEqual(revision, revisions.length)
      assert.deepStrictEqual(
        revisions.toSorted((a, b) => a - b),
        Array.from({ length: revisions.length }, (_, at) => at + 1)
      )
    })
  )

  it.live("of any member may write, read back linearizably, and enable encryption", () =>
    Effect.gen(function* () {
      const { kekFile } = yield* Process.fresh
      const { endpoints, names, ...cluster } = yield* OperatedCluster.start({ kekFile })
      const leader = yield* cluster.leader
      const clients = yield* Effect.forEach(endpoints, (endpoint) =>
        RpcClientSocket.connect(endpoint)
      )
      const [follower, third] = clients.filter((_, at) => names[at] !== leader) as [
        RpcClientSocket.Client,
        RpcClientSocket.Client
      ]
      for (const [at, client] of clients.entries()) {
        assert.deepStrictEqual(yield* client.put("k", `${at}`), { revision: (at + 1) as never })
        const read = yield* third.get("k")
        assert.strictEqual(Buffer.from(read!.value).toString(), `${at}`)
      }
      const enabled = yield* follower.enableStorageEnvelope
      assert.isFalse(enabled.wasAlreadyActive)
      const { cutoverIndex, wasAlreadyActive } = yield* third.enableRaftEnvelope
      assert.isFalse(wasAlreadyActive)
      const again = yield* follower.enableRaftEnvelope
      assert.deepInclude(again, { cutoverIndex, wasAlreadyActive: true })
      assert.deepStrictEqual(yield* follower.put("k", "sealed"), { revision: 4 as never })
    })
  )
})
