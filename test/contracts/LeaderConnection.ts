/** What is promised to a node that forwards (SPEC §9), whatever the way to the leader is. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import { LeaderLost, NodeStopped, NotLeader } from "../../src/domain/engine/Errors.ts"
import type { MemberId } from "../../src/domain/Ids.ts"
import { ForwardedRequest } from "../../src/services/ForwardedRequest.ts"
import type { LeaderConnection } from "../../src/services/LeaderConnection.ts"
import type * as Stub from "../support/ProcessStubServices.ts"

/** The way to member 2, which serves by this script until it is stopped. */
export type Open = (script: Stub.Script) => Effect.Effect<
  {
    readonly connection: LeaderConnection["Service"]
    readonly stop: Effect.Effect<void>
  },
  unknown,
  Scope.Scope
>

const pair = { key: new Uint8Array([1]), value: new Uint8Array([2]) }
const leaderId = 2 as MemberId

const put = (connection: LeaderConnection["Service"], leader: MemberId = leaderId) =>
  connection.ask(leader, (rpc) => rpc.KvPut(pair))

/** A write that has begun, and is held. */
const held = Effect.gen(function* () {
  const begun = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const state = { count: 0 }
  const beforeWrite = Effect.suspend(() => {
    state.count += 1
    return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
  }).pipe(Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined)))
  return {
    beforeWrite,
    state,
    begun: Deferred.await(begun),
    interrupted: Deferred.await(interrupted)
  }
})

export const describeLeaderConnection = (title: string, open: Open) =>
  describe(title, () => {
    it.live("asks the leader, marked as forwarded", () =>
      Effect.gen(function* () {
        const marks: Array<boolean> = []
        const { connection } = yield* open({
          beforeWrite: Effect.map(ForwardedRequest, (isForwarded) => {
            marks.push(isForwarded)
          })
        })
        assert.deepStrictEqual(yield* put(connection), { revision: 1 as never })
        assert.deepStrictEqual(marks, [true])
      })
    )

    it.live("hands on what the leader refuses", () =>
      Effect.gen(function* () {
        const { connection } = yield* open({ beforeWrite: Effect.fail(new CutoverInFlight({})) })
        assert.instanceOf(yield* Effect.flip(put(connection)), CutoverInFlight)
      })
    )

    it.live("knows of no leader where it cannot ask, or where that one does not lead", () =>
      Effect.gen(function* () {
        const { connection, stop } = yield* open({
          beforeWrite: Effect.fail(new NotLeader({ leader: 1 }))
        })
        const nobody = new NotLeader({ leader: undefined })
        assert.deepStrictEqual(yield* Effect.flip(put(connection)), nobody)
        assert.deepStrictEqual(yield* Effect.flip(put(connection, 3 as MemberId)), nobody)
        yield* stop
        // Until its end is known, what is sent may have arrived.
        const gone = yield* Effect.repeat(Effect.flip(put(connection)), {
          while: ({ _tag }) => _tag === "LeaderLost"
        })
        assert.deepStrictEqual(gone, nobody)
      })
    )

    it.live(
      "knows of no leader where a node of another cluster answers, which writes nothing",
      () =>
        Effect.gen(function* () {
          let writes = 0
          const { connection } = yield* open({
            clusterId: "2".repeat(32),
            beforeWrite: Effect.sync(() => {
              writes += 1
            })
          })
          const failure = yield* Effect.flip(put(connection))
          assert.deepStrictEqual(failure, new NotLeader({ leader: undefined }))
          assert.strictEqual(writes, 0)
        })
    )

    it.live("says that the leader is lost when it goes before it answers, and asks once", () =>
      Effect.gen(function* () {
        const { beforeWrite, begun, state } = yield* held
        const { connection, stop } = yield* open({ beforeWrite })
        const asking = yield* Effect.forkChild(Effect.flip(put(connection)), {
          startImmediately: true
        })
        yield* begun
        yield* stop
        const failure = yield* Fiber.join(asking)
        assert.instanceOf(failure, LeaderLost)
        assert.strictEqual(failure.leader, 2)
        assert.strictEqual(state.count, 1)
      })
    )

    it.live("says the same of a leader that says it has stopped, or that meets a bug", () =>
      Effect.gen(function* () {
        const stopped = new NodeStopped({ reason: "its disk failed" })
        const { connection } = yield* open({
          beforeWrite: Effect.void,
          cutover: Effect.fail(stopped)
        })
        const failure = yield* Effect.flip(
          connection.ask(leaderId, (rpc) => rpc.EnableRaftEnvelope())
        )
        assert.instanceOf(failure, LeaderLost)
        assert.include(failure.message, "its disk failed")
        const dying = yield* open({ beforeWrite: Effect.die(new Error("a bug")) })
        assert.instanceOf(yield* Effect.flip(put(dying.connection)), LeaderLost)
      })
    )

    it.live("takes the request back when whoever asks goes away", () =>
      Effect.gen(function* () {
        const { beforeWrite, begun, interrupted } = yield* held
        const { connection } = yield* open({ beforeWrite })
        const asking = yield* Effect.forkChild(put(connection), { startImmediately: true })
        yield* begun
        yield* Fiber.interrupt(asking)
        yield* interrupted
      })
    )
  })
