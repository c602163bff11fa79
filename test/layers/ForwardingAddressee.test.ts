/**
 * SPEC §9: a forwarded request is for one member of one cluster, whoever has that member's endpoint by
 * now.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RpcClient from "effect/rpc/RpcClient"
import { NotLeader } from "../../src/domain/engine/Errors.ts"
import type { KeyId, LogIndex } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcConnection from "../../src/layers/RpcConnection.ts"
import type * as Stub from "../support/ProcessStubServices.ts"
import { following, serve } from "../support/StubNode.ts"

/** A node that leads and does all that it is asked for, counted. */
const willing = (who: Partial<Stub.Script> = {}) => {
  const done = { count: 0 }
  const counted = <A>(answer: A) =>
    Effect.sync(() => {
      done.count += 1
      return answer
    })
  const index = 5 as LogIndex
  const rotated = { keyId: 8 as KeyId, replacedKeyId: 7 as KeyId, index, wasAlreadyRotated: false }
  const script: Stub.Script = {
    ...who,
    beforeWrite: counted(undefined),
    enableStorage: counted({ index, wasAlreadyActive: false }),
    rotateDek: () => counted(rotated)
  }
  return { done, script }
}

const nobody = new NotLeader({ leader: undefined })
const pair = { key: new Uint8Array([1]), value: new Uint8Array([2]) }

/** A write as a node sends it that forwards, with this header. */
const markedPut = (connection: RpcConnection.RpcConnection, mark: string) =>
  RpcConnection.answered(
    connection.endpoint,
    RpcClient.withHeaders(connection.rpc.KvPut(pair), { "sealog-forwarded": mark })
  )

const strangers = [
  ["a node of another cluster", { clusterId: "2".repeat(32) }],
  ["another member", { memberId: 3 }]
] as const

describe("a forwarded request", () => {
  for (const [who, stranger] of strangers) {
    it.live(`is refused by ${who} that has the leader's endpoint by now`, () =>
      Effect.gen(function* () {
        const { done, script } = willing(stranger)
        const taken = yield* serve(script)
        const follower = yield* serve(
          following(() => taken),
          { proposalTimeoutMillis: 100 }
        )
        const client = yield* RpcClientSocket.connect(follower)
        assert.deepStrictEqual(yield* Effect.flip(client.put("k", "v")), nobody)
        assert.deepStrictEqual(yield* Effect.flip(client.enableStorageEnvelope), nobody)
        const rotating = client.rotateDek({ purpose: "raft" })
        assert.deepStrictEqual(yield* Effect.flip(rotating), nobody)
        assert.strictEqual(done.count, 0)
      })
    )
  }

  it.live("waits at the node that forwards it, until the leader is found again", () =>
    Effect.gen(function* () {
      const stranger = willing({ clusterId: "2".repeat(32) })
      const own = willing()
      let leader = yield* serve(stranger.script)
      let attempts = 0
      const script = following(() => leader)
      const beforeWrite = Effect.tapError(script.beforeWrite, () =>
        Effect.sync(() => {
          attempts += 1
        })
      )
      const client = yield* RpcClientSocket.connect(yield* serve({ ...script, beforeWrite }))
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      const isWaiting = () => writing.pollUnsafe() === undefined
      yield* Effect.promise(async () => {
        while (attempts < 3 && isWaiting()) await new Promise((resolve) => setImmediate(resolve))
      })
      leader = yield* serve(own.script)
      assert.deepStrictEqual(yield* Fiber.join(writing), { revision: 1 as never })
      assert.deepStrictEqual([stranger.done.count, own.done.count], [0, 1])
    })
  )

  it.live("names the cluster and the member, and is served where both are right", () =>
    Effect.gen(function* () {
      const { done, script } = willing({ clusterId: "0123456789abcdef".repeat(2), memberId: 12 })
      const connection = yield* RpcConnection.open(yield* serve(script))
      yield* markedPut(connection, "0123456789abcdef0123456789abcdef/12")
      assert.strictEqual(done.count, 1)
    })
  )

  it.live("is refused, and goes no further, where its header is any other text", () =>
    Effect.gen(function* () {
      const leader = willing()
      const at = yield* serve(leader.script)
      const follower = yield* serve(following(() => at))
      const cluster = "1".repeat(32)
      for (const endpoint of [at, follower]) {
        const connection = yield* RpcConnection.open(endpoint)
        const wrong = ["", "1", "2", cluster, `${cluster}/`, `${cluster}/0`, `${cluster}/3`]
        const untidy = [`${cluster}/02`, ` ${cluster}/2`, `${cluster}/2 `, `${cluster}/2/`]
        for (const mark of [...wrong, ...untidy, `${cluster}/0x2`, `${cluster}:2`]) {
          assert.deepStrictEqual(yield* Effect.flip(markedPut(connection, mark)), nobody, mark)
        }
      }
      assert.strictEqual(leader.done.count, 0)
    })
  )
})
