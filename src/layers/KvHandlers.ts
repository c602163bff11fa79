/**
 * The KV store behind RPC: each handler calls one method of `KvStore` and rides out a cutover.
 *
 * No decision is made here, and the source of a proposal is never taken from the wire. Proof:
 * `test/layers/RpcSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import { KvApi } from "../domain/api/KvApi.ts"
import { KvStore } from "../services/KvStore.ts"
import * as Patience from "./Patience.ts"
import { RpcDrain } from "./RpcDrain.ts"

export const layer = KvApi.toLayer(
  Effect.gen(function* () {
    const store = yield* KvStore
    const { serve } = yield* RpcDrain
    const { duringCutover } = yield* Patience.make

    return KvApi.of({
      KvPut: ({ key, session, value }) => serve(duringCutover(store.put(key, value, { session }))),
      KvDelete: ({ key, session }) => serve(duringCutover(store.delete(key, { session }))),
      KvGet: ({ key, stale }) =>
        serve(duringCutover(store.get(key, { stale }))).pipe(
          Effect.map((found) => (found === undefined ? {} : { found }))
        ),
      KvRange: (range) => serve(duringCutover(store.range(range))),
      KvTxn: (txn) => serve(duringCutover(store.txn(txn))),
      KvOpenSession: ({ sessionId }) => serve(duringCutover(store.openSession(sessionId)))
    })
  })
)
