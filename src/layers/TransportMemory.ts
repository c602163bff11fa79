/** The memory twin of the socket transport, on a {@link MemoryNetwork}. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { type Peer, type Receiver, Transport } from "../services/Transport.ts"
import type { MemoryNetwork, Station } from "./MemoryNetwork.ts"
import { TransferSlots } from "./PeerTransfer.ts"

const make = Effect.fnUntraced(function* ({ network }: { readonly network: MemoryNetwork }) {
  const { memberId } = yield* Opening
  const { snapshotTransfersMax } = yield* NodeConfig
  const underWay = yield* FiberSet.make<void, unknown>()
  const fork = yield* FiberSet.runtime(underWay)<never>()
  const slots = new TransferSlots(snapshotTransfersMax)
  let peers: ReadonlyMap<MemberId, Peer> = new Map()
  let nextMemberId = Number.POSITIVE_INFINITY
  let station: Station | undefined
  let dropped = 0
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => station !== undefined && network.leave(memberId, station))
  )

  const knows = (id: MemberId) => peers.has(id) || id >= nextMemberId
  const deliver = (message: Message) => {
    if (!network.deliver(message)) station?.receiver.unreachable(message.to)
  }
  const send = (message: Message) => {
    const delays = knows(message.to) ? network.fate(message) : []
    if (delays.length === 0) dropped += 1
    for (const millis of delays) {
      const arrives = millis === 0 ? Effect.yieldNow : Effect.sleep(millis)
      fork(Effect.map(arrives, () => deliver(message)))
    }
  }
  const sendSnapshot = <E>(message: InstallSnapshot, bytes: Stream.Stream<Uint8Array, E>) =>
    Effect.gen(function* () {
      const { to: peer } = message
      if (!knows(peer)) return yield* new SnapshotTransferFailure({ peer, reason: "notAPeer" })
      yield* slots.take(peer)
      const there = network.stationOf(message)
      if (there === undefined) {
        return yield* new SnapshotTransferFailure({ peer, reason: "unreachable" })
      }
      const piece = Effect.mapError(
        Effect.suspend(() => network.piece(message)),
        (reason) => new SnapshotTransferFailure({ peer, reason })
      )
      const leaving = Stream.tap(bytes, () => piece)
      yield* carried(message, leaving, there)
    }).pipe(Effect.scoped)

  return Transport.of({
    send: (messages) => messages.forEach(send),
    attach: (receiver) => {
      invariant(station === undefined, "one receiver takes what arrives")
      const takeIn = takesIn(receiver, (installing) => fork(installing))
      station = { receiver, hears: knows, takeIn }
      network.join(memberId, station)
    },
    setPeers: (wanted, known) => {
      peers = new Map(wanted.map((peer) => [peer.id, peer]))
      nextMemberId = known.nextMemberId
    },
    sendSnapshot,
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

/** What fails on one side is a broken connection to the other. */
const carried = Effect.fnUntraced(function* <E>(
  message: InstallSnapshot,
  bytes: Stream.Stream<Uint8Array, E>,
  there: Station
) {
  const broken = new SnapshotTransferFailure({ peer: message.from, reason: "broken" })
  const failed = Deferred.makeUnsafe<never, E>()
  const gone = Deferred.makeUnsafe<never, SnapshotTransferFailure>()
  const sent = Stream.catchCause(bytes, (cause) =>
    Stream.fromEffect(Effect.andThen(Deferred.failCause(failed, cause), Effect.fail(broken)))
  )
  // Each piece for itself: a race of the whole stream (`Stream.interruptWhen`) may have no end.
  const arriving = Stream.transformPull(sent, (pull) =>
    Effect.succeed(Effect.raceFirst(pull, Deferred.await(gone)))
  )
  const whyHere = (
    failure: SnapshotTransferFailure
  ): Effect.Effect<never, E | SnapshotTransferFailure> =>
    Deferred.isDoneUnsafe(failed) ? Deferred.await(failed) : Effect.fail(failure)
  yield* there
    .takeIn(message, arriving)
    .pipe(
      Effect.catch(whyHere),
      Effect.raceFirst(Deferred.await(failed)),
      Effect.ensuring(Deferred.fail(gone, broken))
    )
})

/** Installs in the receiver's own time: it is its transport that ends it, not the sender. */
const takesIn =
  (
    { snapshot }: Receiver,
    fork: (installing: Effect.Effect<void, unknown>) => Fiber.Fiber<void, unknown>
  ): Station["takeIn"] =>
  (message, bytes) =>
    Effect.gen(function* () {
      const { to: peer } = message
      if (snapshot === undefined) {
        return yield* new SnapshotTransferFailure({ peer, reason: "unreachable" })
      }
      const installed = yield* Fiber.await(fork(snapshot(message, bytes)))
      if (Exit.isSuccess(installed)) return
      const reason = Exit.hasInterrupts(installed) ? "broken" : "receiverFailed"
      return yield* new SnapshotTransferFailure({ peer, reason })
    })

/** Requires the opening, which says which member this is. */
export const layer = (options: {
  readonly network: MemoryNetwork
}): Layer.Layer<Transport, never, NodeConfig | Opening> => Layer.effect(Transport, make(options))
