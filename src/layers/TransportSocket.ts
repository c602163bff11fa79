/**
 * The transport over TCP: every member listens, and dials each of the others (SPEC §9).
 *
 * One connection for each direction, so that neither waits for the other. What must never happen: a
 * node heard that is not the member it says it is, a peer let in before its opening is kept durably,
 * a slow or dead peer that another one notices. Proof: `test/layers/TransportSocket.test.ts`.
 */
import { createServer, type Server, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../domain/api/Endpoint.ts"
import { ListenFailure } from "../domain/api/Errors.ts"
import type { MemberId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { PeerRefused, SnapshotTransferFailure } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import * as PeerMessages from "../domain/peer/PeerMessages.ts"
import type { Message } from "../domain/raft/Message.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { PeerOpenings } from "../services/PeerOpenings.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { type Connection, type Peer, type Receiver, Transport } from "../services/Transport.ts"
import { PeerSender } from "./PeerSender.ts"
import { PeerSocket } from "./PeerSocket.ts"

export interface Options {
  /** Where peers reach this node; port 0 takes any. */
  readonly listen: Endpoint.Endpoint
  /** `HOST:PORT` at which this node serves clients, once it does. */
  readonly clientEndpoint: () => string | undefined
}

/** The peers as they are now, and who takes what arrives from them. */
class Peers {
  readonly senders = new Map<MemberId, { readonly sender: PeerSender; readonly stop: () => void }>()
  readonly inbound = new Map<MemberId, PeerSocket>()
  private readonly receivedBefore = new Map<MemberId, number>()
  /** Strangers are one, under `undefined`: they choose their ids. */
  private readonly told = new Map<MemberId | undefined, Set<PeerRefused["reason"]>>()
  receiver: Receiver | undefined = undefined

  /** The newest connection of a peer counts: an older one is a leftover. */
  admit(peer: MemberId, socket: PeerSocket): void {
    this.inbound.get(peer)?.destroy()
    this.inbound.set(peer, socket)
    this.told.delete(peer)
  }

  leave(peer: MemberId, socket: PeerSocket): void {
    this.receivedBefore.set(peer, (this.receivedBefore.get(peer) ?? 0) + socket.bytesReceived)
    if (this.inbound.get(peer) === socket) this.inbound.delete(peer)
  }

  /** Is this the first refusal of the peer for this reason? */
  isNews({ memberId, reason }: PeerRefused): boolean {
    const peer = this.senders.has(memberId as MemberId) ? (memberId as MemberId) : undefined
    const told = this.told.get(peer) ?? new Set()
    const isNews = !told.has(reason)
    this.told.set(peer, told.add(reason))
    return isNews
  }

  /** Of a peer that is no longer one, or that is another one now. */
  remove(peer: MemberId): void {
    this.senders.get(peer)?.stop()
    this.senders.delete(peer)
    this.inbound.get(peer)?.destroy()
    this.told.delete(peer)
  }

  connections(): ReadonlyArray<Connection> {
    return [...this.senders].map(([peer, { sender }]) => ({
      ...sender.connection(),
      bytesReceived:
        (this.receivedBefore.get(peer) ?? 0) + (this.inbound.get(peer)?.bytesReceived ?? 0)
    }))
  }
}

const make = Effect.fnUntraced(function* (options: Options) {
  const peers = new Peers()
  const identity = yield* makeIdentity(peers, options)
  const address = yield* listen(options.listen, yield* makeAccept(peers, identity))
  identity.reachedAt(address)
  const startSender = yield* makeStartSender(peers, identity)

  const setPeers = (wanted: ReadonlyArray<Peer>) => {
    const byId = new Map(wanted.map((peer) => [peer.id, peer]))
    for (const [id, { sender }] of peers.senders) {
      const peer = byId.get(id)
      if (peer === undefined || !isSame(peer, sender.peer)) peers.remove(id)
    }
    for (const peer of wanted) {
      if (!peers.senders.has(peer.id)) peers.senders.set(peer.id, startSender(peer))
    }
  }
  const send = (messages: ReadonlyArray<Message>) => {
    const byPeer = Map.groupBy(messages, ({ to }) => to)
    for (const [to, ofPeer] of byPeer) peers.senders.get(to)?.sender.send(ofPeer)
  }
  const attach = (receiver: Receiver) => {
    invariant(peers.receiver === undefined, "one receiver takes what arrives")
    peers.receiver = receiver
  }
  return {
    address,
    transport: Transport.of({
      send,
      attach,
      setPeers,
      sendSnapshot: ({ to: peer }) =>
        Effect.fail(new SnapshotTransferFailure({ peer, reason: "unreachable" })),
      connections: () => peers.connections()
    })
  }
})

const isSame = (a: Peer, b: Peer): boolean =>
  a.nodeName === b.nodeName &&
  a.incarnation === b.incarnation &&
  Endpoint.format(a.address) === Endpoint.format(b.address)

type Identity = Effect.Success<ReturnType<typeof makeIdentity>>

/** Who this node is, and how it judges who the others say they are. */
const makeIdentity = Effect.fnUntraced(function* (peers: Peers, options: Options) {
  const { bootCount, clusterId, groupId, incarnation, memberId, nodeName, openingId } =
    yield* Opening
  const openings = yield* PeerOpenings
  const { report } = yield* Telemetry
  const local: Handshake.Local = {
    clusterId,
    groupId,
    memberId,
    memberOf: (id) => peers.senders.get(id)?.sender.peer,
    seenOf: openings.seenOf
  }
  let address = Endpoint.format(options.listen)
  return {
    /** What others are told; not the port 0 that this node was given. */
    reachedAt: (bound: Endpoint.Endpoint): void => {
      address = Endpoint.format(bound)
    },
    greetingTo: (to: MemberId): Handshake.Greeting => {
      const endpoint = options.clientEndpoint() ?? ""
      const node = { memberId, nodeName, incarnation, bootCount, openingId, endpoint, address }
      return { clusterId, groupId, node, to }
    },
    /** What is welcome is durable before it is told so. */
    judge: ({ node, ...greeting }: Handshake.Greeting): Effect.Effect<void, PeerRefused> =>
      Effect.suspend(() => {
        const refusal = Handshake.refusalOf({ node, ...greeting }, local)
        if (refusal !== undefined) return Effect.fail(refusal)
        const { bootCount, incarnation, openingId } = node
        // A log that cannot be written stops the node; the peer is not let in.
        return Effect.catch(openings.remember(incarnation, { bootCount, openingId }), () =>
          Effect.fail(
            new PeerRefused({ reason: "notReady", peer: node.nodeName, memberId: node.memberId })
          )
        )
      }),
    refused: (refusal: PeerRefused): void => {
      if (!peers.isNews(refusal)) return
      const { memberId: peer, message: detail, peer: name, reason } = refusal
      report({ _tag: "PeerRefused", peer, name, reason, detail })
    }
  }
})

/** A fibre that dials one peer for as long as it is one. */
const makeStartSender = Effect.fnUntraced(function* (peers: Peers, identity: Identity) {
  const settings = yield* NodeConfig
  const context = yield* Effect.context<never>()
  const running = new Set<Fiber.Fiber<never>>()
  yield* Effect.addFinalizer(() => Fiber.interruptAll(running))
  return (peer: Peer) => {
    const sender = new PeerSender(peer, {
      settings,
      greetingTo: ({ id }) => identity.greetingTo(id),
      judge: identity.judge,
      unreachable: () => peers.receiver?.unreachable(peer.id),
      refused: identity.refused
    })
    const fibre = Effect.runForkWith(context)(sender.run)
    running.add(fibre)
    const stop = () => {
      running.delete(fibre)
      fibre.interruptUnsafe()
    }
    return { sender, stop }
  }
})

/** What is done with a connection that somebody opened to this node. */
const makeAccept = Effect.fnUntraced(function* (peers: Peers, identity: Identity) {
  const { peerConnectTimeoutMillis } = yield* NodeConfig

  const greeted = Effect.fnUntraced(function* (socket: PeerSocket) {
    const frame = yield* socket.first
    if (frame?.type !== "hello") return undefined
    const greeting = Handshake.decode(frame.body)
    if (Result.isSuccess(greeting)) {
      yield* identity.judge(greeting.success)
      return greeting.success.node.memberId
    }
    const isOtherVersion = greeting.failure.reason === "unknownVersion"
    if (!isOtherVersion) return undefined
    return yield* new PeerRefused({ reason: "protocolUnknown", peer: "?", memberId: 0 })
  })
  const welcomed = Effect.fnUntraced(function* (socket: PeerSocket, peer: MemberId) {
    const greeting = identity.greetingTo(peer)
    peers.admit(peer, socket)
    socket.trust()
    const ends = { from: peer, to: greeting.node.memberId }
    socket.onFrame = (frame) => received(peers, socket, ends, frame)
    socket.send("welcome", Handshake.encode(greeting))
    yield* Effect.ensuring(
      socket.closed,
      Effect.sync(() => peers.leave(peer, socket))
    )
  })
  return (socket: PeerSocket) =>
    greeted(socket).pipe(
      Effect.timeoutOrElse({
        duration: peerConnectTimeoutMillis,
        orElse: () => Effect.succeed(undefined)
      }),
      Effect.flatMap((peer) => (peer === undefined ? Effect.void : welcomed(socket, peer))),
      Effect.catch((refusal) =>
        Effect.sync(() => {
          identity.refused(refusal)
          socket.endWith("refusal", Handshake.encodeRefusal(refusal))
        }).pipe(Effect.andThen(Effect.timeoutOption(socket.closed, peerConnectTimeoutMillis)))
      ),
      Effect.ensuring(Effect.sync(() => socket.destroy()))
    )
})

/** A peer that sends what cannot be read is hung up on; it dials again. */
function received(
  { receiver }: Peers,
  socket: PeerSocket,
  ends: PeerMessages.Ends,
  { body, type }: Frame
): void {
  const messages = type === "messages" ? PeerMessages.decode(ends, body) : undefined
  if (messages === undefined || Result.isFailure(messages)) return socket.destroy()
  for (const message of messages.success) receiver?.message(message)
}

/** Listens until the scope closes; returns the address that was bound. */
const listen = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  accept: (socket: PeerSocket) => Effect.Effect<unknown>
): Effect.fn.Return<Endpoint.Endpoint, ListenFailure, NodeConfig | Scope.Scope> {
  const { peerConnectionsMax } = yield* NodeConfig
  const context = yield* Effect.context<never>()
  const open = new Set<Fiber.Fiber<unknown>>()
  const server = createServer((socket: Socket) => {
    if (open.size >= peerConnectionsMax) return socket.destroy()
    const fibre = Effect.runForkWith(context)(accept(new PeerSocket(socket)))
    open.add(fibre)
    fibre.addObserver(() => open.delete(fibre))
  })
  yield* Effect.acquireRelease(bound(server, endpoint), () =>
    Effect.andThen(
      Effect.suspend(() => Fiber.interruptAll(open)),
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
    )
  )
  const address = server.address()
  invariant(typeof address === "object" && address !== null, "a TCP server has a port")
  return { host: endpoint.host, port: address.port }
})

const bound = (server: Server, endpoint: Endpoint.Endpoint): Effect.Effect<void, ListenFailure> =>
  Effect.callback((resume) => {
    server.once("error", ({ message: cause }) =>
      resume(Effect.fail(new ListenFailure({ listen: Endpoint.format(endpoint), cause })))
    )
    server.listen({ host: endpoint.host, port: endpoint.port }, () => resume(Effect.void))
  })

/** Where this transport listens; for who has asked for any port. */
export const open = make

export const layer = (
  options: Options
): Layer.Layer<Transport, ListenFailure, NodeConfig | Opening | PeerOpenings | Telemetry> =>
  Layer.effect(
    Transport,
    Effect.map(make(options), ({ transport }) => transport)
  )
