/** SPEC §9: requests that reach a node which does not lead, over real sockets, and what comes back. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import {
  CutoverInFlight,
  DrainTimedOut,
  RotationOutcomeUnknown
} from "../../src/domain/encryption/Errors.ts"
import {
  LeaderLost,
  LeaderNotReady,
  NotLeader,
  ProposalSuperseded,
  ProposalTimedOut
} from "../../src/domain/engine/Errors.ts"
import type { KeyId, LogIndex } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import type {
  DekRotated,
  EncryptionAdmin,
  RotateFailure,
  RotateRequest
} from "../../src/services/EncryptionAdmin.ts"
import { ForwardedRequest } from "../../src/services/ForwardedRequest.ts"
import type * as Stub from "../support/ProcessStubServices.ts"
import { following, type Options, proxy, serve } from "../support/StubNode.ts"

/** A client of a follower of such a leader. */
const clientOfFollower = Effect.fnUntraced(function* (
  leader: Stub.Script,
  options: { readonly leader?: Options; readonly follower?: Options } = {}
) {
  const at = yield* serve(leader, options.leader)
  const follower = yield* serve(
    following(() => at),
    options.follower
  )
  return yield* RpcClientSocket.connect(follower)
})

const rotated = {
  keyId: 8 as KeyId,
  replacedKeyId: 7 as KeyId,
  index: 5 as LogIndex,
  wasAlreadyRotated: false
}

describe("a node that does not lead", () => {
  it.live("hands writes to the leader, marked, and answers what the leader answers", () =>
    Effect.gen(function* () {
      const marks: Array<boolean> = []
      const beforeWrite = Effect.map(ForwardedRequest, (isForwarded) => {
        marks.push(isForwarded)
      })
      const at = yield* serve({ beforeWrite })
      const leader = yield* RpcClientSocket.connect(at)
      const follower = yield* RpcClientSocket.connect(yield* serve(following(() => at)))
      assert.deepStrictEqual(yield* follower.put("k", "1"), { revision: 1 })
      assert.deepStrictEqual(yield* leader.put("k", "2"), { revision: 2 })
      assert.deepStrictEqual(yield* follower.delete("k"), { revision: 3, deleted: true })
      assert.deepStrictEqual(marks, [true, false, true])
      assert.isUndefined(yield* follower.get("k"), "reads are its own")
    })
  )

  it.live("carries the leader's refusals as they are", () =>
    Effect.gen(function* () {
      let attempts = 0
      const client = yield* clientOfFollower({
        beforeWrite: Effect.suspend(() => {
          attempts += 1
          return Effect.fail(new ProposalTimedOut({ timeoutMillis: 77 }))
        }),
        cutover: Effect.fail(new DrainTimedOut({ timeoutMillis: 5 }))
      })
      const failure = yield* Effect.flip(client.put("k", "v"))
      assert.instanceOf(failure, ProposalTimedOut)
      assert.strictEqual(failure.timeoutMillis, 77)
      assert.strictEqual(attempts, 1, "its outcome is open")
      assert.instanceOf(yield* Effect.flip(client.enableRaftEnvelope), DrainTimedOut)
    })
  )

  it.live("rides out what passes at the leader", () =>
    Effect.gen(function* () {
      const refusals = [
        new LeaderNotReady({ awaits: "noop" }),
        new CutoverInFlight({}),
        new NotLeader({ leader: undefined }),
        new NotLeader({ leader: 3 })
      ]
      const client = yield* clientOfFollower({
        beforeWrite: Effect.suspend(() => {
          const refusal = refusals.shift()
          return refusal === undefined ? Effect.void : Effect.fail(refusal)
        })
      })
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
    })
  )

  it.live("waits for a leader that cannot be reached yet: nothing was sent", () =>
    Effect.gen(function* () {
      let endpoint: Endpoint | undefined
      let attempts = 0
      const script = following(() => endpoint)
      const follower = yield* serve({
        ...script,
        beforeWrite: Effect.tapError(script.beforeWrite, () =>
          Effect.sync(() => {
            attempts += 1
          })
        )
      })
      const client = yield* RpcClientSocket.connect(follower)
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      yield* Effect.promise(async () => {
        while (attempts < 2) await new Promise((resolve) => setImmediate(resolve))
      })
      const scope = yield* Scope.make()
      const gone = yield* Scope.provide(serve({ beforeWrite: Effect.void }), scope)
      yield* Scope.close(scope, Exit.void)
      endpoint = gone
      const seen = attempts
      yield* Effect.promise(async () => {
        while (attempts < seen + 2) await new Promise((resolve) => setImmediate(resolve))
      })
      yield* serve({ beforeWrite: Effect.void }, { port: gone.port })
      assert.deepStrictEqual(yield* Fiber.join(writing), { revision: 1 })
    })
  )

  it.live("asks the leader for a rotation of the same key, until it is known", () =>
    Effect.gen(function* () {
      const asked: Array<RotateRequest> = []
      const begun = yield* Deferred.make<void>()
      const at = yield* serve({
        beforeWrite: Effect.void,
        rotateDek: ({ purpose, replaces }) =>
          Effect.suspend((): Effect.Effect<DekRotated, RotateFailure> => {
            asked.push({ purpose, ...(replaces === undefined ? {} : { replaces }) })
            if (asked.length === 1) {
              return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
            }
            if (asked.length === 2) return Effect.fail(new ProposalSuperseded({ index: 4 }))
            if (asked.length === 3) return Effect.fail(new LeaderNotReady({ awaits: "noop" }))
            return Effect.succeed(rotated)
          })
      })
      const way = yield* proxy(at)
      let endpoint = way.endpoint
      const client = yield* RpcClientSocket.connect(yield* serve(following(() => endpoint)))
      const rotating = yield* Effect.forkChild(client.rotateDek({ purpose: "raft" }), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      endpoint = at
      yield* way.cut
      assert.deepStrictEqual(yield* Fiber.join(rotating), rotated)
      const same = { purpose: "raft", replaces: 7 as KeyId } as const
      assert.deepStrictEqual(asked, [same, same, same, same], "the active one, fixed before")
    })
  )

  it.live("asks the leader to enable the storage envelope, until it has", () =>
    Effect.gen(function* () {
      let attempts = 0
      const begun = yield* Deferred.make<void>()
      const enabled = { index: 3 as LogIndex, wasAlreadyActive: true }
      const at = yield* serve({
        beforeWrite: Effect.void,
        enableStorage: Effect.suspend((): EncryptionAdmin["Service"]["enableStorageEnvelope"] => {
          attempts += 1
          if (attempts === 1) {
            return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
          }
          if (attempts === 2) return Effect.fail(new ProposalSuperseded({ index: 4 }))
          if (attempts === 3) return Effect.fail(new LeaderNotReady({ awaits: "noop" }))
          return Effect.succeed(enabled)
        })
      })
      const way = yield* proxy(at)
      let endpoint = way.endpoint
      const client = yield* RpcClientSocket.connect(yield* serve(following(() => endpoint)))
      const enabling = yield* Effect.forkChild(client.enableStorageEnvelope, {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      endpoint = at
      yield* way.cut
      assert.deepStrictEqual(yield* Fiber.join(enabling), enabled)
      assert.strictEqual(attempts, 4)
    })
  )

  it.live("names the key, when it is not known in time whether it was rotated", () =>
    Effect.gen(function* () {
      const leader = yield* serve({ beforeWrite: Effect.void, rotateDek: () => Effect.never })
      const follower = yield* serve(
        following(() => leader),
        { proposalTimeoutMillis: 1 }
      )
      const client = yield* RpcClientSocket.connect(follower)
      const asked = { purpose: "raft", replaces: 9 as KeyId } as const
      const failure = yield* Effect.flip(client.rotateDek(asked))
      assert.instanceOf(failure, RotationOutcomeUnknown)
      assert.strictEqual(failure.replaces, 9)
      assert.include(failure.message, "--replaces 9")
    })
  )

  it.live("says that it does not know, when the leader goes before it answers, and asks once", () =>
    Effect.gen(function* () {
      let attempts = 0
      const begun = yield* Deferred.make<void>()
      const leader = yield* serve(
        {
          beforeWrite: Effect.suspend(() => {
            attempts += 1
            if (attempts > 1) return Effect.void
            return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
          })
        },
        { proposalTimeoutMillis: 100 }
      )
      const way = yield* proxy(leader)
      const follower = yield* serve(following(() => way.endpoint))
      const client = yield* RpcClientSocket.connect(follower)
      const writing = yield* Effect.forkChild(Effect.flip(client.put("k", "v")), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      yield* way.cut
      assert.instanceOf(yield* Fiber.join(writing), LeaderLost)
      assert.strictEqual(attempts, 1)
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 }, "over a new connection")
    })
  )

  it.live("waits for the next leader while the one it knows is stopping: nothing was begun", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const stopping = yield* Scope.provide(
        serve({
          beforeWrite: Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
        }),
        scope
      )
      const next = yield* serve({ beforeWrite: Effect.void })
      let leader = stopping
      let attempts = 0
      const script = following(() => leader)
      const follower = yield* serve({
        ...script,
        beforeWrite: Effect.tapError(script.beforeWrite, () =>
          Effect.sync(() => {
            attempts += 1
          })
        )
      })
      const client = yield* RpcClientSocket.connect(follower)
      const first = yield* Effect.forkChild(client.put("k", "1"), { startImmediately: true })
      yield* Deferred.await(begun)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), {
        startImmediately: true
      })
      const second = yield* Effect.forkChild(client.put("k", "2"), { startImmediately: true })
      yield* Effect.promise(async () => {
        while (attempts < 4) await new Promise((resolve) => setImmediate(resolve))
      })
      leader = next
      assert.deepStrictEqual(yield* Fiber.join(second), { revision: 1 as never }, "at the next one")
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(first), { revision: 1 as never }, "it was begun")
      yield* Fiber.join(closing)
    })
  )

  it.live(
    "says that it does not know of a leader that stops in the middle, or of one that never answers",
    () =>
      Effect.gen(function* () {
        const stops = { beforeWrite: Effect.never }
        const scope = yield* Scope.make()
        const at = yield* Scope.provide(serve(stops, { proposalTimeoutMillis: 50 }), scope)
        const follower = yield* serve(following(() => at))
        const client = yield* RpcClientSocket.connect(follower)
        const writing = yield* Effect.forkChild(Effect.flip(client.put("k", "v")), {
          startImmediately: true
        })
        yield* Scope.close(scope, Exit.void)
        assert.include(["LeaderLost", "NotLeader"], (yield* Fiber.join(writing))._tag)

        const never = yield* clientOfFollower(stops, {
          leader: { proposalTimeoutMillis: 50 },
          follower: { proposalTimeoutMillis: 50 }
        })
        const failure = yield* Effect.flip(never.put("k", "v"))
        assert.instanceOf(failure, LeaderLost)
        assert.include(failure.message, "no answer within 100 ms")
      })
  )

  it.live("takes the request back from the leader when its caller goes away", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const client = yield* clientOfFollower({
        beforeWrite: Effect.onInterrupt(
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.never),
          () => Deferred.succeed(interrupted, undefined)
        )
      })
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(writing)
      yield* Deferred.await(interrupted)
    })
  )

  it.live("never forwards what was forwarded: two nodes that follow each other", () =>
    Effect.gen(function* () {
      const asked = { own: 0, forwarded: 0 }
      let other: Endpoint | undefined
      const follower = (
        endpoint: () => Endpoint | undefined,
        who: { readonly memberId: number; readonly leader: number }
      ) => {
        const count = Effect.flatMap(ForwardedRequest, (isForwarded) => {
          asked[isForwarded ? "forwarded" : "own"] += 1
          return Effect.fail(new NotLeader({ leader: who.leader }))
        })
        const script = { ...following(endpoint, who), beforeWrite: count }
        return serve(script, { proposalTimeoutMillis: 100 })
      }
      const first = yield* follower(() => other, { memberId: 1, leader: 2 })
      const second = yield* follower(() => first, { memberId: 2, leader: 1 })
      other = second
      const client = yield* RpcClientSocket.connect(first)
      const failure = yield* Effect.flip(client.put("k", "v"))
      assert.instanceOf(failure, NotLeader)
      assert.isUndefined(failure.leader)
      assert.strictEqual(asked.forwarded, asked.own, "once for each attempt of the first")
    })
  )

  it.live("shares one connection among its requests, and forgets one that has ended", () =>
    Effect.gen(function* () {
      const leader = yield* serve({ beforeWrite: Effect.void })
      const way = yield* proxy(leader)
      const follower = yield* serve(following(() => way.endpoint))
      const client = yield* RpcClientSocket.connect(follower)
      const puts = (count: number) =>
        Effect.all(
          Array.from({ length: count }, (_, at) => client.put(`k${at}`, "v")),
          { concurrency: "unbounded" }
        )
      yield* puts(50)
      assert.strictEqual(way.connectionCount(), 1)
      yield* way.cut
      const result = yield* Effect.exit(puts(1))
      // The end may not be known yet: then the outcome is open, and told so.
      if (Exit.isFailure(result)) assert.instanceOf(yield* Effect.flip(result), LeaderLost)
      yield* puts(50)
      assert.strictEqual(way.connectionCount(), 1)
    })
  )
})
