/**
 * A client of a cluster, through one of its nodes or several: every failure typed, sizes checked
 * before sending.
 *
 * A frame above the server's limit spoils a connection for every later call, so nothing that large may
 * be sent. A write is never sent again once it may have been applied: after `ConnectionLost` only the
 * caller knows whether a repeat is safe, and `RpcSession` is a caller that does. Proof:
 * `test/layers/RpcSocket.test.ts`, `test/layers/RpcEndpoints.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { NodeName } from "../domain/Ids.ts"
import * as Command from "../domain/kv/Command.ts"
import * as Txn from "../domain/kv/Txn.ts"
import type { SessionId } from "../domain/log/Request.ts"
import type { AddRequest } from "../services/ClusterAdmin.ts"
import type { RotateRequest } from "../services/EncryptionAdmin.ts"
import type { RangeOptions, TxnOptions, WriteOptions } from "../services/KvStore.ts"
import type { Rpc } from "./RpcConnection.ts"
import * as RpcEndpoints from "./RpcEndpoints.ts"

export type { CallFailure } from "./RpcEndpoints.ts"

/**
 * Connects to the first node that answers, within three seconds each, or fails; what it opens closes
 * with the scope. With several nodes it rides out the loss of any but the last of them.
 */
export const connect = Effect.fnUntraced(function* (
  endpoints: Endpoint.Endpoint | ReadonlyArray<Endpoint.Endpoint>,
  options?: RpcEndpoints.Options
) {
  const list = "port" in endpoints ? [endpoints] : endpoints
  return clientOf(yield* RpcEndpoints.make(list, options))
})

export type Client = ReturnType<typeof clientOf>

type Way = Effect.Success<ReturnType<typeof RpcEndpoints.make>>

const clientOf = ({ ask, endpoint }: Way) => {
  /** Sends nothing if there is a refusal: a request that is too large would spoil the connection. */
  const sent = <Refusal, A, E, R>(
    refusal: Refusal | undefined,
    repeat: RpcEndpoints.Repeat,
    call: (rpc: Rpc) => Effect.Effect<A, E | RpcClientError, R>
  ) => (refusal === undefined ? ask(repeat, call) : Effect.fail(refusal))
  const bytesOf = (text: string | Uint8Array) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text
  return {
    /** `HOST:PORT` of the node that it talks to; `undefined` while there is none. */
    endpoint,
    put: (keyText: string | Uint8Array, valueText: string | Uint8Array, write?: WriteOptions) => {
      const pair = { key: bytesOf(keyText), value: bytesOf(valueText) }
      return sent(Command.putRefusalOf(pair), repeatOf(write), (rpc) =>
        rpc.KvPut({ ...pair, ...sessionOf(write) })
      )
    },
    delete: (keyText: string | Uint8Array, write?: WriteOptions) => {
      const key = bytesOf(keyText)
      return sent(Txn.keyRefusalOf(key), repeatOf(write), (rpc) =>
        rpc.KvDelete({ key, ...sessionOf(write) })
      )
    },
    /** `undefined` if there is no such key. Linearizable unless `stale`. */
    get: (
      keyText: string | Uint8Array,
      { stale }: { readonly stale: boolean } = { stale: false }
    ) => {
      const key = bytesOf(keyText)
      const answer = sent(Txn.keyRefusalOf(key), "always", (rpc) => rpc.KvGet({ key, stale }))
      return Effect.map(answer, ({ found }) => found)
    },
    /** One page; go on with its continuation, if it has one. Linearizable unless `stale`. */
    range: ({ continuation, limit, span, stale = false }: RangeOptions) => {
      const query = { span, limit, stale }
      return sent(Command.rangeRefusalOf({ span, limit, continuation }), "always", (rpc) =>
        rpc.KvRange(continuation === undefined ? query : { ...query, continuation })
      )
    },
    txn: ({ session, ...txn }: TxnOptions & WriteOptions) =>
      sent(Command.txnRefusalOf({ _tag: "Txn", ...txn }), repeatOf({ session }), (rpc) =>
        rpc.KvTxn({ ...txn, ...sessionOf({ session }) })
      ),
    openSession: (sessionId: SessionId) => ask("never", (rpc) => rpc.KvOpenSession({ sessionId })),
    /** Of the node that it talks to. */
    status: ask("always", (rpc) => rpc.AdminStatus()),
    encryptionStatus: ask("always", (rpc) => rpc.EncryptionStatus()),
    /** Of every member. */
    encryptionSurvey: ask("always", (rpc) => rpc.EncryptionSurvey()),
    // Idempotent, but a repeat would say that it was active before.
    enableStorageEnvelope: ask("ifNotProposed", (rpc) => rpc.EnableStorageEnvelope()),
    cutoverDryRun: ask("always", (rpc) => rpc.CutoverDryRun()),
    enableRaftEnvelope: ask("ifNotProposed", (rpc) => rpc.EnableRaftEnvelope()),
    rotateDek: (request: RotateRequest) => ask("ifNotProposed", (rpc) => rpc.RotateDek(request)),
    ...membersOf(ask)
  }
}

const membersOf = (ask: Way["ask"]) => ({
  /** As the node sees them that it talks to. */
  members: ask("always", (rpc) => rpc.MemberList()),
  addMember: ({ address, learner, nodeName }: AddRequest) =>
    ask("ifNotProposed", (rpc) =>
      rpc.MemberAdd({ nodeName, learner, address: Endpoint.format(address) })
    ),
  promoteMember: (nodeName: NodeName) =>
    ask("ifNotProposed", (rpc) => rpc.MemberPromote({ nodeName })),
  removeMember: (nodeName: NodeName) =>
    ask("ifNotProposed", (rpc) => rpc.MemberRemove({ nodeName })),
  transferLeadership: (nodeName: NodeName) =>
    ask("ifNotProposed", (rpc) => rpc.LeaderTransfer({ nodeName }))
})

/** A field that is absent, not undefined, without a session. */
const sessionOf = ({ session }: WriteOptions = {}) => (session === undefined ? {} : { session })

/** Who writes with a session repeats the write under its sequence. */
const repeatOf = ({ session }: WriteOptions = {}): RpcEndpoints.Repeat =>
  session === undefined ? "ifNotProposed" : "never"
