/** A group with one voter has nobody to talk to, and nobody introduces itself to it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { invariant } from "../domain/Invariant.ts"
import { Introductions } from "../services/Introductions.ts"
import { Transport } from "../services/Transport.ts"

export const layer: Layer.Layer<Transport | Introductions> = Layer.mergeAll(
  Layer.succeed(Transport, {
    send: (messages) => invariant(messages.length === 0, "a lone voter sends no messages"),
    attach: () => {},
    setPeers: (peers) => invariant(peers.length === 0, "a lone voter has no peers"),
    sendSnapshot: () => Effect.die(new Error("a lone voter has nobody to send a snapshot to")),
    connections: () => []
  }),
  Layer.succeed(Introductions, {
    answer: () => ({ _tag: "Waiting", leader: undefined }),
    newest: () => undefined,
    attach: () => {}
  })
)
