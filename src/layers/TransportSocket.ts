/**
 * The transport over TCP: every member listens, and dials each of the others (SPEC §9, §16).
 *
 * One connection for each direction, so that neither waits for the other, and one for each snapshot.
 * What must never happen: a node heard that is not the member it says it is, a peer let in before its
 * opening is kept durably, a slow or dead peer, or a snapshot, that another one notices.
 * Proof: `test/layers/TransportSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type * as Endpoint from "../domain/api/Endpoint.ts"
import type { ListenFailure } from "../domain/api/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
import type { Introductions } from "../services/Introductions.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { PeerOpenings } from "../services/PeerOpenings.ts"
import type { Telemetry } from "../services/Telemetry.ts"
import { type Connection, type Peer, type Receiver, Transport } from "../services/Transport.ts"
import * as PeerAccept from "./PeerAccept.ts"
import * as PeerDial from "./PeerDial.ts"
import * as PeerIdentity from "./PeerIdentity.ts"
import * as PeerListener from "./PeerListener.ts"
import * as PeerMetrics from "./PeerMetrics.ts"
import { PeerSender } from "./PeerSender.ts"
import { PeerTable, type RunningSender } from "./PeerTable.ts"
import * as PeerTransfer from "./PeerTransfer.ts"

export interface Options {
  /** Where peers reach this node; port 0 takes any. */
  readonly listen: Endpoint.Endpoint
  /** `HOST:PORT` at which this node serves clients, if it does; no peer is greeted before it is known. */
  readonly clientEndpoint: Effect.Effect<string | undefined>
}

const make = Effect.fnUntraced(function* (options: Options) {
  const { clientEndpoint } = options
  const openings = yield* PeerOpenings
  const identity: PeerIdentity.PeerIdentity = yield* PeerIdentity.make({
    clientEndpoint,
    table: () => table
  })
  const startSender = yield* makeStartSender(identity, {
    unreachable: (peer) => table.receiver?.unreachable(peer),
    connectionOf: (id) => table.connections().find(({ peer }) => peer === id)
  })
  const table = new PeerTable(startSender)
  const accept = yield* PeerAccept.make(table, identity)
  const address = yield* PeerListener.listen(options.listen, accept)
  identity.reachedAt(address)
  const sendSnapshot = yield* makeSendSnapshot(table, identity)

  const send = (messages: ReadonlyArray<Message>) => {
    const byPeer = Map.groupBy(messages, ({ to }) => to)
    for (const [to, ofPeer] of byPeer) table.senderOf(to)?.send(ofPeer)
  }
  const attach = (receiver: Receiver) => {
    invariant(table.receiver === undefined, "one receiver takes what arrives")
    table.receiver = receiver
  }
  const transport = Transport.of({
    send,
    attach,
    setPeers: (peers, known) => {
      const incarnations = peers.flatMap(({ incarnation }) => incarnation ?? [])
      openings.know({ incarnations: new Set(incarnations), ...known })
      table.setPeers(peers, known)
    },
    sendSnapshot,
    connections: () => table.connections()
  })
  return { address, transport }
})

/** A fibre that dials one peer for as long as it is one. */
const makeStartSender = Effect.fnUntraced(function* (
  { greetingTo, judge, refused }: PeerIdentity.PeerIdentity,
  {
    connectionOf,
    unreachable
  }: Pick<Receiver, "unreachable"> & {
    readonly connectionOf: (peer: MemberId) => Connection | undefined
  }
) {
  const settings = yield* NodeConfig
  const { groupId, nodeName: node } = yield* Opening
  const context = yield* Effect.context<never>()
  const running = new Set<Fiber.Fiber<never>>()
  yield* Effect.addFinalizer(() => Fiber.interruptAll(running))
  return (peer: Peer): RunningSender => {
    const sender = new PeerSender(peer, {
      settings,
      greetingTo,
      judge,
      unreachable: () => unreachable(peer.id),
      refused
    })
    const labels = { node, group: String(groupId) }
    const watched = Effect.andThen(
      PeerMetrics.register(peer, () => connectionOf(peer.id), labels),
      sender.run
    )
    const fibre = Effect.runForkWith(context)(Effect.scoped(watched))
    running.add(fibre)
    const stop = () => {
      running.delete(fibre)
      fibre.interruptUnsafe()
    }
    return { sender, stop }
  }
})

/** Snapshots go beside the messages; what is wrong with one is Raft's to make good. */
const makeSendSnapshot = Effect.fnUntraced(function* (
  table: PeerTable,
  identity: PeerIdentity.PeerIdentity
) {
  const { peerConnectTimeoutMillis, peerStallMillis, snapshotTransfersMax } = yield* NodeConfig
  const slots = new PeerTransfer.TransferSlots(snapshotTransfersMax)
  const connected = (peer: Peer) =>
    PeerDial.greeted("transfer", peer, identity).pipe(
      PeerDial.inTime(peer.address, peerConnectTimeoutMillis),
      Effect.catch((failure) => {
        if (failure._tag === "PeerRefused") identity.refused(failure)
        return Effect.fail(new SnapshotTransferFailure({ peer: peer.id, reason: "unreachable" }))
      })
    )
  return <E>(message: InstallSnapshot, bytes: Stream.Stream<Uint8Array, E>) =>
    Effect.gen(function* () {
      const peer = table.peerOf(message.to)
      if (peer === undefined) {
        return yield* new SnapshotTransferFailure({ peer: message.to, reason: "notAPeer" })
      }
      yield* slots.take(peer.id)
      const { socket } = yield* connected(peer)
      yield* PeerTransfer.send(socket, message, bytes, { stallMillis: peerStallMillis })
    }).pipe(Effect.scoped)
})

/** Where this transport listens; for who has asked for any port. */
export const open = make

export const layer = (
  options: Options
): Layer.Layer<
  Transport,
  ListenFailure,
  Introductions | NodeConfig | Opening | PeerOpenings | Telemetry
> =>
  Layer.effect(
    Transport,
    Effect.map(make(options), ({ transport }) => transport)
  )
