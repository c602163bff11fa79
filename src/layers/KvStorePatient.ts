/**
 * The KV store of a program that has a node inside it: what means "not yet" is a pause, as it is for
 * clients behind RPC (SPEC §9, §13).
 *
 * What must never happen: a request repeated that may have been proposed; {@link Patience} does not.
 * Proof: `test/layers/Sealog.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KvStore } from "../services/KvStore.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as Patience from "./Patience.ts"

const make = Effect.gen(function* () {
  const store = yield* KvStore
  const { duringCutover: patiently } = yield* Patience.make
  /** Hands on whatever it is given. */
  const patient =
    <Given extends ReadonlyArray<unknown>, A, E>(call: (...given: Given) => Effect.Effect<A, E>) =>
    (...given: Given) =>
      patiently(call(...given))
  return KvStore.of({
    put: patient(store.put),
    delete: patient(store.delete),
    get: patient(store.get),
    range: patient(store.range),
    txn: patient(store.txn),
    openSession: patient(store.openSession)
  })
})

/** Stands in front of the store that it requires. */
export const layer: Layer.Layer<KvStore, never, KvStore | NodeConfig | QuiescenceBarrier> =
  Layer.effect(KvStore, make)
