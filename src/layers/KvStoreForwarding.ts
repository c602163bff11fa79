/**
 * The KV store of a node that may not lead: writes and sessions go to the leader (SPEC §9).
 *
 * Reads do not: a follower's read index makes them linearizable here. Proof:
 * `test/layers/Forwarding.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KvStore, type WriteOptions } from "../services/KvStore.ts"
import type { LeaderConnection } from "../services/LeaderConnection.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as Forwarding from "./Forwarding.ts"

const make = Effect.gen(function* () {
  const store = yield* KvStore
  const { proposalTimeoutMillis } = yield* NodeConfig
  // The leader waits for its turn, and then for its proposal.
  const orAtLeader = yield* Forwarding.make(2 * proposalTimeoutMillis)
  return KvStore.of({
    ...store,
    put: (key, value, options) =>
      orAtLeader(store.put(key, value, options), (leader) =>
        leader.KvPut({ key, value, ...sessionOf(options) })
      ),
    delete: (key, options) =>
      orAtLeader(store.delete(key, options), (leader) =>
        leader.KvDelete({ key, ...sessionOf(options) })
      ),
    txn: ({ session, ...txn }) =>
      orAtLeader(store.txn({ ...txn, session }), (leader) =>
        leader.KvTxn({ ...txn, ...sessionOf({ session }) })
      ),
    openSession: (sessionId) =>
      orAtLeader(store.openSession(sessionId), (leader) => leader.KvOpenSession({ sessionId }))
  })
})

/** A field that is absent, not undefined, without a session. */
const sessionOf = ({ session }: WriteOptions = {}) => (session === undefined ? {} : { session })

/** Stands in front of the store that it requires. */
export const layer: Layer.Layer<KvStore, never, KvStore | LeaderConnection | NodeConfig> =
  Layer.effect(KvStore, make)
