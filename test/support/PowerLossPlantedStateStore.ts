/** Stands in for `StateStoreLmdb` where a bug is planted: one commit for values, one for the rest. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StateTransaction } from "../../src/domain/state/StateTransaction.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { StateStore } from "../../src/services/StateStore.ts"

type Change = (transaction: StateTransaction) => void

export const layer = (options: StateStoreLmdb.Options) =>
  Layer.effect(
    StateStore,
    Effect.map(StateStore, (store) => ({
      ...store,
      transact: <A>(body: (transaction: StateTransaction) => A): A => {
        const later: Array<Change> = []
        const answer = store.transact((transaction) =>
          body({
            get: (table, key) => transaction.get(table, key),
            range: (table, range) => transaction.range(table, range),
            remove: (table, key) => transaction.remove(table, key),
            put: (table, key, value) => {
              if (table === "kv") transaction.put(table, key, value)
              else later.push((next) => next.put(table, key, value))
            }
          })
        )
        store.transact((transaction) => {
          for (const change of later) change(transaction)
        })
        return answer
      }
    }))
  ).pipe(Layer.provide(StateStoreLmdb.layer(options)))
