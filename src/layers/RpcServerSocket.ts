/**
 * Serves `SealogApi` on one TCP socket.
 *
 * `disableFatalDefects` keeps a bug in one handler from failing the other calls of that client. The
 * layer is released first of all: it begins no further request, lets those begun finish, then closes
 * the connections; only after that may the stores below it close. Proof:
 * `test/layers/RpcSocket.test.ts`, `test/e2e/Serve.test.ts`.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ListenFailure, ListenRefused } from "../domain/api/Errors.ts"
import { frameBytesMax, SealogApi } from "../domain/api/SealogApi.ts"
import type { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { Cutover } from "../services/Cutover.ts"
import type { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { EncryptionSurvey } from "../services/EncryptionSurvey.ts"
import type { KvStore } from "../services/KvStore.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import type { NodeStatus } from "../services/NodeStatus.ts"
import * as AdminHandlers from "./AdminHandlers.ts"
import * as KvHandlers from "./KvHandlers.ts"
import * as MemberHandlers from "./MemberHandlers.ts"
import * as RpcDrain from "./RpcDrain.ts"

/** Fails unless the endpoint is a loopback address; checked before anything is opened. */
export const requireLoopback = (
  listen: Endpoint.Endpoint
): Effect.Effect<Endpoint.Endpoint, ListenRefused> =>
  Endpoint.isLoopback(listen)
    ? Effect.succeed(Endpoint.toBind(listen))
    : Effect.fail(new ListenRefused({ listen: Endpoint.format(listen) }))

/** A client that goes away without a goodbye is no news; anything else is a bug. */
const ended = <E>(cause: Cause.Cause<E>) =>
  Socket.isSocketError(Cause.squash(cause))
    ? Effect.logDebug("a connection ended abruptly")
    : Effect.failCause(cause)

/** Without a bound, clients that stay could leave no descriptor for the log or for peers. */
const boundedTo = (connectionsMax: number) => {
  let open = 0
  return <A, E, R>(served: Effect.Effect<A, E, R>): Effect.Effect<unknown, E, R> =>
    Effect.suspend((): Effect.Effect<unknown, E, R> => {
      if (open >= connectionsMax) return hangUp
      open += 1
      return Effect.ensuring(
        served,
        Effect.sync(() => {
          open -= 1
        })
      )
    })
}

/** The server keeps a connection open that nobody serves. */
const hangUp = Effect.map(
  Effect.serviceOption(NodeSocket.NetSocket),
  Option.map((socket) => socket.destroy())
)

const listening = (listen: Endpoint.Endpoint) =>
  Layer.effect(
    SocketServer.SocketServer,
    Effect.gen(function* () {
      const { clientConnectionsMax } = yield* NodeConfig
      const bounded = boundedTo(clientConnectionsMax)
      const { host, port } = yield* requireLoopback(listen)
      const server = yield* NodeSocketServer.make({ host, port, noDelay: true }).pipe(
        Effect.mapError(({ cause }) => {
          const reason = cause instanceof Error ? cause.message : String(cause)
          return new ListenFailure({ listen: Endpoint.format(listen), cause: reason })
        })
      )
      return {
        ...server,
        run: (handler) => server.run((socket) => bounded(Effect.catchCause(handler(socket), ended)))
      }
    })
  )

const server = RpcServer.layer(SealogApi, { disableFatalDefects: true, disableTracing: true }).pipe(
  Layer.provide(RpcServer.layerProtocolSocketServer),
  Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: frameBytesMax })),
  Layer.provide([KvHandlers.layer, AdminHandlers.layer, MemberHandlers.layer])
)

/** Depends on the server, so it is released before it. */
const drainFirst = Layer.effectDiscard(
  Effect.gen(function* () {
    const { drain } = yield* RpcDrain.RpcDrain
    yield* Effect.addFinalizer(() => drain)
  })
)

/** Requires what users call (`NodeFront`), which rides out elections and forwards. */
export const layer = (
  listen: Endpoint.Endpoint
): Layer.Layer<
  SocketServer.SocketServer,
  ListenRefused | ListenFailure,
  ClusterAdmin | KvStore | EncryptionAdmin | EncryptionSurvey | Cutover | NodeStatus | NodeConfig
> =>
  drainFirst.pipe(
    Layer.provide(server),
    Layer.provideMerge(listening(listen)),
    Layer.provide(RpcDrain.layer)
  )
