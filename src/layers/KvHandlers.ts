/**
 * The KV store behind RPC: each handler calls one method of `KvStore`.
 *
 * No decision is made here, and the source of a proposal is never taken from the wire. Proof:
 * `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import { KvApi } from "../domain/api/KvApi.ts"
import { KvStore } from "../services/KvStore.ts"
import * as RpcRequests from "./RpcRequests.ts"

export const layer = KvApi.toLayer(
  Effect.gen(function* () {
    const store = yield* KvStore
    const { serve } = yield* RpcRequests.make

    return KvApi.of({
      KvPut: ({ key, session, value }, request) =>
        serve(request, store.put(key, value, { session })),
      KvDelete: ({ key, session }, request) => serve(request, store.delete(key, { session })),
      KvGet: ({ key, stale }, request) =>
        Effect.map(serve(request, store.get(key, { stale })), (found) =>
          found === undefined ? {} : { found }
        ),
      KvRange: (range, request) => serve(request, store.range(range)),
      KvTxn: (txn, request) => serve(request, store.txn(txn)),
      KvOpenSession: ({ sessionId }, request) => serve(request, store.openSession(sessionId))
    })
  })
)
