/**
 * One connection to the client endpoint of a node, for clients and for nodes that forward.
 *
 * It is not mended: once it has ended, whoever wants another one opens another one. Nothing is ever
 * sent twice here. Proof: `test/layers/RpcSocket.test.ts`.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ConnectionLost, EndpointUnreachable, RequestDied } from "../domain/api/Errors.ts"
import * as ForwardedHeader from "../domain/api/ForwardedHeader.ts"
import { frameBytesMax, SealogApi } from "../domain/api/SealogApi.ts"

/** How long a connection may take to open. */
const connectMillisMax = 3_000

/** What every call can fail with, beside the answers of the node. */
export type CallFailure = ConnectionLost | RequestDied

export type Rpc = RpcClient.FromGroup<typeof SealogApi, RpcClientError>

export interface RpcConnection {
  readonly rpc: Rpc
  /** `HOST:PORT`. */
  readonly endpoint: string
  /** False once it has ended, for good. */
  readonly isOpen: () => boolean
  /** Returns when it has ended. */
  readonly ended: Effect.Effect<void>
}

/** Connects within three seconds or fails; the connection closes with the scope. */
export const open = Effect.fnUntraced(function* (at: Endpoint.Endpoint) {
  const endpoint = Endpoint.format(at)
  const connected = yield* Deferred.make<void, EndpointUnreachable>()
  const ended = yield* Deferred.make<void>()
  const unreachable = (cause: string) => new EndpointUnreachable({ endpoint, cause })

  const hooks = Layer.succeed(RpcClient.ConnectionHooks, {
    onConnect: Effect.asVoid(Deferred.succeed(connected, undefined)),
    // Also after an attempt to open it that has failed.
    onDisconnect: Effect.asVoid(Deferred.succeed(ended, undefined))
  })
  const protocol = RpcClient.layerProtocolSocket({
    // Only in this mode are failures to open reported with their cause.
    retryTransientErrors: true,
    onTransientError: (error) =>
      Effect.asVoid(Deferred.fail(connected, unreachable(reasonOf(error))))
  }).pipe(
    Layer.provide([
      hooks,
      NodeSocket.layerNet({ ...at, noDelay: true, openTimeout: connectMillisMax }),
      RpcSerialization.layerSchemaBinary({ maxFrameSize: frameBytesMax })
    ])
  )
  // Not shared, should somebody open two in one program.
  const context = yield* Effect.mapError(Layer.build(Layer.fresh(protocol)), ({ message }) =>
    unreachable(message)
  )
  const rpc = yield* RpcClient.make(SealogApi, { disableTracing: true }).pipe(
    Effect.provideContext(context)
  )
  yield* Deferred.await(connected).pipe(
    Effect.timeoutOrElse({
      duration: connectMillisMax,
      orElse: () => Effect.fail(unreachable(`no connection within ${connectMillisMax} ms`))
    })
  )
  const connection: RpcConnection = {
    rpc,
    endpoint,
    isOpen: () => !Deferred.isDoneUnsafe(ended),
    ended: Deferred.await(ended)
  }
  return connection
})

/** Where a forwarded request is sent, which helps in a message, and whom it is meant for. */
export interface Destination {
  readonly endpoint: string
  readonly addressee: ForwardedHeader.Addressee
}

/** Sends a request that is marked as forwarded: any other node refuses it with `NotLeader`. */
export const marked = <A, E>(
  { addressee, endpoint }: Destination,
  request: Effect.Effect<A, E | RpcClientError>
): Effect.Effect<A, Exclude<E, RpcClientError> | CallFailure> =>
  answered(
    endpoint,
    RpcClient.withHeaders(request, {
      [ForwardedHeader.name]: ForwardedHeader.valueFor(addressee)
    })
  )

/** Turns what the connection did to a call into typed failures. */
export const answered = <A, E, R>(
  endpoint: string,
  call: Effect.Effect<A, E | RpcClientError, R>
): Effect.Effect<A, Exclude<E, RpcClientError> | CallFailure, R> =>
  Effect.catchCause(
    call,
    (cause): Effect.Effect<never, Exclude<E, RpcClientError> | CallFailure> => {
      const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
      if (failure instanceof RpcClientError) {
        return Effect.fail(new ConnectionLost({ endpoint, cause: reasonOf(failure) }))
      }
      if (failure !== undefined) return Effect.fail(failure as Exclude<E, RpcClientError>)
      // A server that stops interrupts the handlers that are left, and says so.
      return Effect.fail(
        Cause.hasInterruptsOnly(cause)
          ? new ConnectionLost({ endpoint, cause: "the node has stopped" })
          : new RequestDied({ endpoint, cause: messageOf(Cause.squash(cause)) })
      )
    }
  )

const messageOf = (defect: unknown) => (defect instanceof Error ? defect.message : String(defect))

/** What happened to the socket, in the words of the operating system where there are any. */
const reasonOf = ({ reason }: RpcClientError): string => {
  if (reason._tag === "SocketCloseError") return "it was closed"
  const cause = "cause" in reason ? reason.cause : undefined
  return cause instanceof Error && cause.message !== "" ? cause.message : reason.message
}
