/** Stores of a node that a planted bug has changed. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeMemory from "../../src/layers/NodeMemory.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import * as Planted from "./Planted.ts"

type LogStore = RaftLogStore["Service"]

export const inLog = (change: (store: LogStore) => Partial<LogStore>): Planted.Planted => ({
  ...Planted.none,
  stores: (options) => {
    const stores = NodeMemory.stores(options)
    const changed = Layer.effect(
      RaftLogStore,
      Effect.map(RaftLogStore, (store) => ({ ...store, ...change(store) }))
    )
    return Layer.provideMerge(changed, stores)
  }
})

export const inState = (
  change: (store: StateStore["Service"]) => Partial<StateStore["Service"]>
): Planted.Planted => ({
  ...Planted.none,
  stores: (options) => {
    const stores = NodeMemory.stores(options)
    const changed = Layer.effect(
      StateStore,
      Effect.map(StateStore, (store) => ({ ...store, ...change(store) }))
    )
    return Layer.provideMerge(changed, stores)
  }
})
