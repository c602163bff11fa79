/** The key-value machine as the state machine of a node. */
import * as Layer from "effect/Layer"
import * as KvMachine from "../domain/kv/KvMachine.ts"
import { StateMachine } from "../services/StateMachine.ts"

export const layer: Layer.Layer<StateMachine> = Layer.succeed(StateMachine, {
  apply: KvMachine.apply,
  read: KvMachine.read
})
