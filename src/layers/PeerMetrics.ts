/**
 * The metrics of the way to each peer; a series lives as long as the peer is one.
 *
 * Every series carries the labels `node`, `group` and `peer`, a name. Proof:
 * `test/layers/TransportSocket.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Connection, Peer } from "../services/Transport.ts"
import * as MetricFamily from "./MetricFamily.ts"

const { counter, gauge } = MetricFamily

export const families = (
  connection: () => Connection | undefined
): ReadonlyArray<MetricFamily.Family> => [
  gauge("sealog_peer_connected", "1 while this node reaches the peer", () =>
    connection()?.isConnected === true ? 1 : 0
  ),
  counter(
    "sealog_peer_sent_bytes_total",
    "Bytes of messages sent to the peer",
    () => connection()?.bytesSent ?? 0
  ),
  counter(
    "sealog_peer_received_bytes_total",
    "Bytes of messages received from the peer",
    () => connection()?.bytesReceived ?? 0
  ),
  counter(
    "sealog_peer_dropped_messages_total",
    "Messages that the peer's queue had no room for, or that waited when the connection broke",
    () => connection()?.messagesDropped ?? 0
  )
]

/** Until the scope closes. */
export const register = (
  { nodeName }: Peer,
  connection: () => Connection | undefined,
  labels: MetricFamily.Labels
): Effect.Effect<void, never, Scope.Scope> =>
  MetricFamily.register(families(connection), { ...labels, peer: nodeName })
