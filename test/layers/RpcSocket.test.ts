/** Server and client over a real socket, in front of services that a test controls. */
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import {
  ConnectionLost,
  EndpointUnreachable,
  ListenFailure,
  ListenRefused,
  RequestDied
} from "../../src/domain/api/Errors.ts"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import { NodeStopped } from "../../src/domain/engine/Errors.ts"
import * as Kv from "../../src/domain/kv/Errors.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as NodeFront from "../../src/layers/NodeFront.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcServerSocket from "../../src/layers/RpcServerSocket.ts"
import * as Stub from "../support/ProcessStubServices.ts"
import * as Sockets from "../support/Sockets.ts"

const anyPort = { host: "127.0.0.1", port: 0 }
const willing: Stub.Script = { beforeWrite: Effect.void }

/** Serves until the scope closes. */
const serve = (script: Stub.Script, proposalTimeoutMillis = 2_000) =>
  Layer.build(
    RpcServerSocket.layer(anyPort).pipe(
      Layer.provide(NodeFront.layer),
      Layer.provide(Stub.layer({ script, proposalTimeoutMillis }))
    )
  ).pipe(
    Effect.map((context) => {
      const { address } = Context.get(context, SocketServer.SocketServer)
      assert(address._tag === "InetAddressV4")
      return { host: "127.0.0.1", port: address.port }
    })
  )

describe("the connections of clients", () => {
  it.live("are bounded: one too many is hung up on, and taken when another has gone", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        RpcServerSocket.layer(anyPort).pipe(
          Layer.provide(NodeConfigLive.layer({ clientConnectionsMax: 2 })),
          Layer.provide(NodeFront.layer),
          Layer.provide(Stub.layer({ script: willing, proposalTimeoutMillis: 2_000 }))
        )
      )
      const { address } = Context.get(context, SocketServer.SocketServer)
      assert(address._tag === "InetAddressV4")
      const to = { host: "127.0.0.1", port: address.port }
      const silent = yield* Sockets.connecting(to)
      const client = yield* RpcClientSocket.connect(to)
      yield* client.put("k", "v")
      const third = yield* Sockets.connecting(to)
      yield* Sockets.until(() => third.isClosed || third.isEnded)
      assert.isFalse(silent.isClosed)
      assert.isDefined(yield* client.get("k"))
      silent.socket.destroy()
      const next = RpcClientSocket.connect(to)
      const again = yield* Effect.retry(next, { times: 20 })
      assert.isDefined(yield* again.get("k"))
    })
  )
})

describe("RpcServerSocket and RpcClientSocket", () => {
  it.live("carries binary keys and values of the largest sizes", () =>
    Effect.gen(function* () {
      const client = yield* RpcClientSocket.connect(yield* serve(willing))
      const key = new Uint8Array(Limits.keyBytesMax).fill(0xff)
      const value = new Uint8Array(Limits.valueBytesMax).map((_, index) => index % 251)
      assert.deepStrictEqual(yield* client.put(key, value), { revision: 1 })
      const found = yield* client.get(key)
      assert.isTrue(Buffer.from(value).equals(found!.value))
      assert.deepStrictEqual(yield* client.delete(key), { revision: 2, deleted: true })
      assert.isUndefined(yield* client.get(key))
      assert.strictEqual((yield* client.status).nodeName, "stub")
      assert.isFalse("writerId" in (yield* client.encryptionStatus))
    })
  )

  it.live("refuses what is too large before it is sent", () =>
    Effect.gen(function* () {
      const client = yield* RpcClientSocket.connect(yield* serve(willing))
      const key = new Uint8Array(Limits.keyBytesMax + 1)
      const value = new Uint8Array(Limits.valueBytesMax + 1)
      assert.instanceOf(yield* Effect.flip(client.put("", "v")), Kv.KeyEmpty)
      assert.instanceOf(yield* Effect.flip(client.put(key, "v")), Kv.KeyTooLarge)
      assert.instanceOf(yield* Effect.flip(client.get(key)), Kv.KeyTooLarge)
      assert.instanceOf(yield* Effect.flip(client.put("k", value)), Kv.ValueTooLarge)
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
    })
  )

  it.live("keeps other calls going when a handler dies", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const endpoint = yield* serve({ beforeWrite: Deferred.await(gate) })
      const client = yield* RpcClientSocket.connect(endpoint)
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      assert.instanceOf(yield* Effect.flip(client.enableRaftEnvelope), RequestDied)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(writing), { revision: 1 })
    })
  )

  it.live("shows a pause, not an error, for a refusal that passes", () =>
    Effect.gen(function* () {
      let refusals = 3
      const beforeWrite = Effect.suspend(() => {
        refusals -= 1
        return refusals < 0 ? Effect.void : Effect.fail(new CutoverInFlight({}))
      })
      const client = yield* RpcClientSocket.connect(yield* serve({ beforeWrite }))
      assert.deepStrictEqual(yield* client.put("k", "v"), { revision: 1 })
    })
  )

  it.live("carries a refusal that stays", () =>
    Effect.gen(function* () {
      const beforeWrite = Effect.fail(new CutoverInFlight({}))
      const client = yield* RpcClientSocket.connect(yield* serve({ beforeWrite }, 100))
      assert.instanceOf(yield* Effect.flip(client.put("k", "v")), CutoverInFlight)
    })
  )

  it.live("a stop refuses new requests and lets those begun finish and be answered", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const beforeWrite = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
      const scope = yield* Scope.make()
      const endpoint = yield* Scope.provide(serve({ beforeWrite }), scope)
      const client = yield* RpcClientSocket.connect(endpoint)
      const writing = yield* Effect.forkChild(client.put("k", "v"), { startImmediately: true })
      yield* Deferred.await(begun)
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void), {
        startImmediately: true
      })
      assert.instanceOf(yield* Effect.flip(client.get("k")), NodeStopped)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(writing), { revision: 1 })
      yield* Fiber.join(stopping)
      assert.instanceOf(yield* Effect.flip(client.get("k")), ConnectionLost)
    })
  )

  it.live("a stop does not wait for ever", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const beforeWrite = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const scope = yield* Scope.make()
      const client = yield* RpcClientSocket.connect(
        yield* Scope.provide(serve({ beforeWrite }, 100), scope)
      )
      const writing = yield* Effect.forkChild(Effect.flip(client.put("k", "v")), {
        startImmediately: true
      })
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(yield* Fiber.join(writing), ConnectionLost)
    })
  )

  it.live("an endpoint where nobody listens is unreachable, at once", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const endpoint = yield* Scope.provide(serve(willing), scope)
      yield* Scope.close(scope, Exit.void)
      const failure = yield* Effect.flip(RpcClientSocket.connect(endpoint))
      assert.instanceOf(failure, EndpointUnreachable)
      assert.include(failure.message, "ECONNREFUSED")
    })
  )

  it.live("something else that listens there is a lost connection, not a hang", () =>
    Effect.gen(function* () {
      const other = net.createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => other.close()))
      yield* Effect.callback<void>((resume) => {
        other.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      const { port } = other.address() as net.AddressInfo
      const client = yield* RpcClientSocket.connect({ host: "127.0.0.1", port })
      assert.instanceOf(yield* Effect.flip(client.status), ConnectionLost)
    })
  )

  it.live("serves loopback addresses only, and says when one is taken", () =>
    Effect.gen(function* () {
      const taken = yield* serve(willing)
      const failureAt = (endpoint: typeof anyPort) =>
        Layer.build(RpcServerSocket.layer(endpoint)).pipe(
          Effect.provide(Stub.layer({ script: willing, proposalTimeoutMillis: 100 })),
          Effect.flip
        )
      assert.instanceOf(yield* failureAt({ host: "0.0.0.0", port: 0 }), ListenRefused)
      assert.instanceOf(yield* failureAt(taken), ListenFailure)
    })
  )
})
