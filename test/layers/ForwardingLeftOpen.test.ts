/**
 * SPEC §9, §18: what a node asks its leaders for until it is known what became of it, and what it answers
 * when that is not known in time, over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import { RotationOutcomeUnknown } from "../../src/domain/encryption/Errors.ts"
import { LeaderLost, NotLeader } from "../../src/domain/engine/Errors.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import type { DekRotated, RotateFailure } from "../../src/services/EncryptionAdmin.ts"
import type * as Stub from "../support/ProcessStubServices.ts"
import { following, proxy, serve } from "../support/StubNode.ts"

/** Of the follower: over when the leader has not been one for long. */
const patience = { proposalTimeoutMillis: 300 }

/** A client of a follower, of a leader that goes for good: nobody leads then. */
const leaderThatGoes = Effect.fnUntraced(function* (leader: Stub.Script) {
  const way = yield* proxy(yield* serve(leader))
  let endpoint: Endpoint | undefined = way.endpoint
  const follower = yield* serve(
    following(() => endpoint),
    patience
  )
  const forgotten = Effect.sync(() => {
    endpoint = undefined
  })
  return {
    client: yield* RpcClientSocket.connect(follower),
    goes: Effect.andThen(forgotten, way.cut)
  }
})

describe("a node that does not lead, and was left without an answer", () => {
  it.live("names the key, when the leader goes with the rotation and no other one comes", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const { client, goes } = yield* leaderThatGoes({
        beforeWrite: Effect.void,
        rotateDek: () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      })
      const rotating = yield* Effect.forkChild(Effect.flip(client.rotateDek({ purpose: "raft" })), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      yield* goes
      const failure = yield* Fiber.join(rotating)
      assert.instanceOf(failure, RotationOutcomeUnknown)
      assert.strictEqual(failure.replaces, 7, "the active one, fixed before")
    })
  )

  it.live("names the key, when who has proposed the rotation leads no longer", () =>
    Effect.gen(function* () {
      const cause = "a snapshot covers it"
      let attempts = 0
      const { client } = yield* leaderThatGoes({
        beforeWrite: Effect.void,
        rotateDek: ({ purpose }) =>
          Effect.suspend((): Effect.Effect<DekRotated, RotateFailure> => {
            attempts += 1
            return Effect.fail(
              attempts === 1
                ? new RotationOutcomeUnknown({ purpose, replaces: 7, cause })
                : new NotLeader({ leader: 3 })
            )
          })
      })
      const failure = yield* Effect.flip(client.rotateDek({ purpose: "raft" }))
      assert.instanceOf(failure, RotationOutcomeUnknown)
      assert.strictEqual(failure.replaces, 7)
      assert.strictEqual(failure.cause, cause)
    })
  )

  it.live("says that it does not know, when the leader goes with the enable and none comes", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const { client, goes } = yield* leaderThatGoes({
        beforeWrite: Effect.void,
        enableStorage: Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      })
      const enabling = yield* Effect.forkChild(Effect.flip(client.enableStorageEnvelope), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      yield* goes
      assert.instanceOf(yield* Fiber.join(enabling), LeaderLost)
    })
  )
})
