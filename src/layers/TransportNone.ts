/**
 * The transport of a group with one voter, which has nobody to send to. The socket transport and its
 * memory twin come with the cluster (SPEC §15).
 */
import * as Layer from "effect/Layer"
import { invariant } from "../domain/Invariant.ts"
import { Transport } from "../services/Transport.ts"

export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, {
  send: (messages) => invariant(messages.length === 0, "a lone voter sends no messages")
})
