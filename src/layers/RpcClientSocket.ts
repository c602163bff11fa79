/**
 * A client of one node: one connection, every failure typed, sizes checked before sending.
 *
 * A frame above the server's limit spoils a connection for every later call, so nothing that large may
 * be sent. Nothing is ever re-sent here: after `ConnectionLost` only the caller knows whether a repeat
 * is safe, and `RpcSession` is a caller that does. Proof: `test/layers/RpcSocket.test.ts`.
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
import { frameBytesMax, SealogApi } from "../domain/api/SealogApi.ts"
import * as Command from "../domain/kv/Command.ts"
import * as Txn from "../domain/kv/Txn.ts"
import type { SessionId } from "../domain/log/Request.ts"
import type { RangeOptions, TxnOptions, WriteOptions } from "../services/KvStore.ts"

/** How long a connection may take to open. */
const connectMillisMax = 3_000

/** What every call can fail with, beside the answers of the node. */
export type CallFailure = ConnectionLost | RequestDied

/** Connects within three seconds or fails; the connection closes with the scope. */
export const connect = Effect.fnUntraced(function* (endpoint: Endpoint.Endpoint) {
  const name = Endpoint.format(endpoint)
  const connected = yield* Deferred.make<void, EndpointUnreachable>()
  const unreachable = (cause: string) => new EndpointUnreachable({ endpoint: name, cause })

  const hooks = Layer.succeed(RpcClient.ConnectionHooks, {
    onConnect: Effect.asVoid(Deferred.succeed(connected, undefined)),
    onDisconnect: Effect.void
  })
  const protocol = RpcClient.layerProtocolSocket({
    // Only in this mode are failures to open reported with their cause.
    retryTransientErrors: true,
    onTransientError: (error) =>
      Effect.asVoid(Deferred.fail(connected, unreachable(reasonOf(error))))
  }).pipe(
    Layer.provide([
      hooks,
      NodeSocket.layerNet({ ...endpoint, noDelay: true, openTimeout: connectMillisMax }),
      RpcSerialization.layerSchemaBinary({ maxFrameSize: frameBytesMax })
    ])
  )
  const context = yield* Layer.build(protocol)
  const rpc = yield* RpcClient.make(SealogApi, { disableTracing: true }).pipe(
    Effect.provideContext(context)
  )
  yield* Deferred.await(connected).pipe(
    Effect.timeoutOrElse({
      duration: connectMillisMax,
      orElse: () => Effect.fail(unreachable(`no connection within ${connectMillisMax} ms`))
    })
  )
  return clientOf(rpc, name)
})

export type Client = ReturnType<typeof clientOf>

type Rpc = RpcClient.FromGroup<typeof SealogApi, RpcClientError>

const clientOf = (rpc: Rpc, endpoint: string) => {
  const answered = answering(endpoint)
  /** Sends nothing if there is a refusal: a request that is too large would spoil the connection. */
  const sent = <Refusal, A, E, R>(
    refusal: Refusal | undefined,
    call: () => Effect.Effect<A, E | RpcClientError, R>
  ) => (refusal === undefined ? answered(Effect.suspend(call)) : Effect.fail(refusal))
  const bytesOf = (text: string | Uint8Array) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text
  return {
    endpoint,
    put: (keyText: string | Uint8Array, valueText: string | Uint8Array, write?: WriteOptions) => {
      const pair = { key: bytesOf(keyText), value: bytesOf(valueText) }
      return sent(Command.putRefusalOf(pair), () => rpc.KvPut({ ...pair, ...sessionOf(write) }))
    },
    delete: (keyText: string | Uint8Array, write?: WriteOptions) => {
      const key = bytesOf(keyText)
      return sent(Txn.keyRefusalOf(key), () => rpc.KvDelete({ key, ...sessionOf(write) }))
    },
    /** `undefined` if there is no such key. Linearizable unless `stale`. */
    get: (
      keyText: string | Uint8Array,
      { stale }: { readonly stale: boolean } = { stale: false }
    ) => {
      const key = bytesOf(keyText)
      const answer = sent(Txn.keyRefusalOf(key), () => rpc.KvGet({ key, stale }))
      return Effect.map(answer, ({ found }) => found)
    },
    /** One page; go on with its continuation, if it has one. Linearizable unless `stale`. */
    range: ({ continuation, limit, span, stale = false }: RangeOptions) => {
      const query = { span, limit, stale }
      return sent(Command.rangeRefusalOf({ span, limit, continuation }), () =>
        rpc.KvRange(continuation === undefined ? query : { ...query, continuation })
      )
    },
    txn: ({ session, ...txn }: TxnOptions & WriteOptions) =>
      sent(Command.txnRefusalOf({ _tag: "Txn", ...txn }), () =>
        rpc.KvTxn({ ...txn, ...sessionOf({ session }) })
      ),
    openSession: (sessionId: SessionId) => answered(rpc.KvOpenSession({ sessionId })),
    status: answered(rpc.AdminStatus()),
    encryptionStatus: answered(rpc.EncryptionStatus()),
    enableStorageEnvelope: answered(rpc.EnableStorageEnvelope()),
    enableRaftEnvelope: answered(rpc.EnableRaftEnvelope())
  }
}

/** A field that is absent, not undefined, without a session. */
const sessionOf = ({ session }: WriteOptions = {}) => (session === undefined ? {} : { session })

/** Turns what the connection did to a call into typed failures. */
const answering =
  (endpoint: string) =>
  <A, E, R>(
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
  const cause = "cause" in reason ? reason.cause : undefined
  return cause instanceof Error && cause.message !== "" ? cause.message : reason.message
}
