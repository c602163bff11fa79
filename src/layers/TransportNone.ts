/** The transport of a group with one voter, which has nobody to talk to. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { invariant } from "../domain/Invariant.ts"
import { Transport } from "../services/Transport.ts"

export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, {
  send: (messages) => invariant(messages.length === 0, "a lone voter sends no messages"),
  attach: () => {},
  setPeers: (peers) => invariant(peers.length === 0, "a lone voter has no peers"),
  sendSnapshot: () => Effect.die(new Error("a lone voter has nobody to send a snapshot to")),
  connections: () => []
})
