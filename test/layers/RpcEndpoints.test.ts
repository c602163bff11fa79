/** A client of several nodes, over real sockets: which one it asks, and what it asks twice. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { ConnectionLost, EndpointUnreachable } from "../../src/domain/api/Errors.ts"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import { NotLeader, ProposalTimedOut } from "../../src/domain/engine/Errors.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import type * as Stub from "../support/ProcessStubServices.ts"
import { proxy, serve } from "../support/StubNode.ts"

/** Counts the writes that reach it. */
const counting = (beforeWrite: Stub.Script["beforeWrite"] = Effect.void) => {
  const node = { writes: 0, script: { beforeWrite: Effect.void } as Stub.Script }
  node.script = {
    beforeWrite: Effect.suspend(() => {
      node.writes += 1
      return beforeWrite
    })
  }
  return node
}

/** A node that was there. */
const gone = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const at = yield* Scope.provide(serve(counting().script), scope)
  yield* Scope.close(scope, Exit.void)
  return at
})

describe("a client of several nodes", () => {
  it.live("connects to the first that answers, and says so if none does", () =>
    Effect.gen(function* () {
      const dead = yield* gone
      const client = yield* RpcClientSocket.connect([dead, yield* serve(counting().script)])
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
      const failure = yield* Effect.flip(RpcClientSocket.connect([dead, yield* gone]))
      assert.instanceOf(failure, EndpointUnreachable)
      assert.match(failure.message, /127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ \(.*ECONNREFUSED/)
    })
  )

  it.live("goes on with reads at another node when its own is dead", () =>
    Effect.gen(function* () {
      const first = yield* proxy(yield* serve(counting().script))
      const second = yield* serve(counting().script)
      const client = yield* RpcClientSocket.connect([first.endpoint, second])
      yield* client.put("only", "at the first")
      yield* first.close
      assert.isUndefined(yield* client.get("only"), "answered by the second")
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
    })
  )

  it.live("tells the caller of a write that its outcome is open, and sends it no second time", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const node = counting(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      const first = yield* proxy(yield* serve(node.script, { proposalTimeoutMillis: 100 }))
      const other = counting()
      const client = yield* RpcClientSocket.connect([first.endpoint, yield* serve(other.script)])
      const writing = yield* Effect.forkChild(Effect.flip(client.put("k", "v")), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      yield* first.cut
      assert.instanceOf(yield* Fiber.join(writing), ConnectionLost)
      assert.deepStrictEqual([node.writes, other.writes], [1, 0])
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 }, "the next one moves on")
      assert.deepStrictEqual([node.writes, other.writes], [1, 1])
    })
  )

  it.live("takes a write to another node when the first knows no leader", () =>
    Effect.gen(function* () {
      const lost = counting(Effect.fail(new NotLeader({ leader: undefined })))
      const other = counting()
      const client = yield* RpcClientSocket.connect([
        yield* serve(lost.script, { proposalTimeoutMillis: 50 }),
        yield* serve(other.script)
      ])
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
      assert.strictEqual(other.writes, 1)
    })
  )

  it.live("asks the same node again while a cutover holds writes off for long", () =>
    Effect.gen(function* () {
      let refusals = 3
      const held = counting(
        Effect.suspend(() => {
          refusals -= 1
          return refusals < 0 ? Effect.void : Effect.fail(new CutoverInFlight({}))
        })
      )
      const other = counting()
      const client = yield* RpcClientSocket.connect([
        yield* serve(held.script, { proposalTimeoutMillis: 0 }),
        yield* serve(other.script)
      ])
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
      assert.deepStrictEqual([held.writes, other.writes], [4, 0])
    })
  )

  it.live("leaves a write alone that has timed out: it may be applied", () =>
    Effect.gen(function* () {
      const slow = counting(Effect.fail(new ProposalTimedOut({ timeoutMillis: 5 })))
      const other = counting()
      const endpoints = [yield* serve(slow.script), yield* serve(other.script)]
      const client = yield* RpcClientSocket.connect(endpoints)
      assert.instanceOf(yield* Effect.flip(client.put("k", "v")), ProposalTimedOut)
      assert.deepStrictEqual([slow.writes, other.writes], [1, 0])
    })
  )

  it.live("moves on from a node that says it is stopping", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const stops = counting(
        Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
      )
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(serve(stops.script), scope)
      const client = yield* RpcClientSocket.connect([first, yield* serve(counting().script)])
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      yield* Deferred.await(begun)
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void), {
        startImmediately: true
      })
      assert.isUndefined(yield* client.get("k"))
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(writing), { revision: 1 }, "begun, so answered")
      yield* Fiber.join(stopping)
    })
  )

  it.live("gives up at its deadline", () =>
    Effect.gen(function* () {
      const first = yield* proxy(yield* serve(counting().script))
      const second = yield* gone
      const client = yield* RpcClientSocket.connect([first.endpoint, second], {
        deadlineMillis: 100
      })
      yield* first.close
      const failure = yield* Effect.flip(Effect.andThen(client.get("k"), client.get("k")))
      assert.instanceOf(failure, EndpointUnreachable)
    })
  )

  it.live("repeats nothing if it was told of one node only", () =>
    Effect.gen(function* () {
      const lost = counting(Effect.fail(new NotLeader({ leader: undefined })))
      const at = yield* serve(lost.script, { proposalTimeoutMillis: 0 })
      const client = yield* RpcClientSocket.connect(at)
      assert.instanceOf(yield* Effect.flip(client.put("k", "v")), NotLeader)
      assert.strictEqual(lost.writes, 1)
    })
  )
})
