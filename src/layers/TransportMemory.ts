/** The memory twin of the socket transport, on a {@link MemoryNetwork}. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type { MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { Message } from "../domain/raft/Message.ts"
import { Opening } from "../services/Opening.ts"
import { type Peer, Transport } from "../services/Transport.ts"
import type { MemoryNetwork, Station } from "./MemoryNetwork.ts"

const make = Effect.fnUntraced(function* ({ network }: { readonly network: MemoryNetwork }) {
  const { memberId } = yield* Opening
  const underWay = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(underWay)<never>()
  let peers: ReadonlyMap<MemberId, Peer> = new Map()
  let station: Station | undefined
  let dropped = 0
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => station !== undefined && network.leave(memberId, station))
  )

  const deliver = (message: Message) => {
    if (!network.deliver(message)) station?.receiver.unreachable(message.to)
  }
  const send = (message: Message) => {
    const delays = peers.has(message.to) ? network.fate(message) : []
    if (delays.length === 0) dropped += 1
    for (const millis of delays) {
      const arrives = millis === 0 ? Effect.yieldNow : Effect.sleep(millis)
      fork(Effect.map(arrives, () => deliver(message)))
    }
  }
  return Transport.of({
    send: (messages) => messages.forEach(send),
    attach: (receiver) => {
      invariant(station === undefined, "one receiver takes what arrives")
      station = { receiver, hears: (from) => peers.has(from) }
      network.join(memberId, station)
    },
    setPeers: (wanted) => {
      peers = new Map(wanted.map((peer) => [peer.id, peer]))
    },
    sendSnapshot: ({ to: peer }) =>
      Effect.fail(new SnapshotTransferFailure({ peer, reason: "unreachable" })),
    connections: () =>
      [...peers.keys()].map((peer) => ({
        peer,
        isConnected: true,
        endpoint: undefined,
        bytesSent: 0,
        bytesReceived: 0,
        messagesDropped: dropped
      }))
  })
})

/** Requires the opening, which says which member this is. */
export const layer = (options: {
  readonly network: MemoryNetwork
}): Layer.Layer<Transport, never, Opening> => Layer.effect(Transport, make(options))
