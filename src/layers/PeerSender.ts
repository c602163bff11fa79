/**
 * The way out to one peer: dials it, greets it, and sends what waits for it (SPEC §9).
 *
 * What must never happen here: a message sent to a node that is not the member it was dialled as, a
 * caller that waits for a peer, memory that grows with a peer that is gone.
 * Proof: `test/contracts/Transport.ts`, `test/layers/TransportSocket.test.ts`.
 */
import { connect } from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Endpoint from "../domain/api/Endpoint.ts"
import * as Limits from "../domain/Limits.ts"
import { PeerConnectionFailure, PeerRefused } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import * as PeerMessages from "../domain/peer/PeerMessages.ts"
import { SendQueue } from "../domain/peer/SendQueue.ts"
import type { Message } from "../domain/raft/Message.ts"
import type { NodeSettings } from "../services/NodeConfig.ts"
import type { Connection, Peer } from "../services/Transport.ts"
import { PeerSocket } from "./PeerSocket.ts"

/** What a sender works with. */
export interface Parts {
  readonly settings: NodeSettings
  /** What this node says of itself to the peer. */
  readonly greetingTo: (peer: Peer) => Handshake.Greeting
  /** Why the node that answered is not to be talked to; what is welcome is kept durably first. */
  readonly judge: (greeting: Handshake.Greeting) => Effect.Effect<void, PeerRefused>
  readonly unreachable: () => void
  /** Told once for each new reason. */
  readonly refused: (refusal: PeerRefused) => void
}

type SessionFailure = PeerConnectionFailure | PeerRefused

/** Mutable: one per peer. */
export class PeerSender {
  readonly peer: Peer
  private readonly parts: Parts
  private readonly queue: SendQueue
  /** Greeted and welcome. */
  private socket: PeerSocket | undefined = undefined
  private endpoint: string | undefined = undefined
  /** The peer has not taken what was sent last. */
  private isBlocked = false
  private bytesSentBefore = 0

  constructor(peer: Peer, parts: Parts) {
    this.peer = peer
    this.parts = parts
    const { peerQueueBytesMax: bytesMax, peerQueueCountMax: countMax } = parts.settings
    this.queue = new SendQueue({ bytesMax, countMax, frameBytesMax: Limits.mebibyte })
  }

  /** A message to a peer that is not connected is lost at once. */
  send(messages: ReadonlyArray<Message>): void {
    for (const message of messages) this.queue.add(message)
    if (this.socket === undefined) this.queue.clear()
    else this.flush()
  }

  connection(): Omit<Connection, "bytesReceived"> {
    return {
      peer: this.peer.id,
      isConnected: this.socket !== undefined,
      endpoint: this.endpoint,
      bytesSent: this.bytesSentBefore + (this.socket?.bytesSent ?? 0),
      messagesDropped: this.queue.dropped
    }
  }

  /** Dials again and again; never ends by itself. */
  get run(): Effect.Effect<never> {
    const { max, min } = this.parts.settings.peerBackoffMillis
    let pauseMillis = min
    return Effect.forever(
      Effect.gen({ self: this }, function* () {
        const startedAt = yield* Clock.currentTimeMillis
        const ended = yield* Effect.result(Effect.scoped(this.session))
        if (Result.isFailure(ended) && ended.failure._tag === "PeerRefused") {
          this.parts.refused(ended.failure)
        }
        this.parts.unreachable()
        const lasted = (yield* Clock.currentTimeMillis) - startedAt
        pauseMillis = lasted > max ? min : Math.min(max, 2 * pauseMillis)
        yield* Effect.sleep(pauseMillis * (0.5 + (yield* Random.next) / 2))
      })
    )
  }

  /** One connection, from dialling to its end. */
  private get session(): Effect.Effect<void, SessionFailure, Scope.Scope> {
    const { peerConnectTimeoutMillis } = this.parts.settings
    return Effect.gen({ self: this }, function* () {
      const socket = yield* this.greeted.pipe(
        Effect.timeoutOrElse({
          duration: peerConnectTimeoutMillis,
          orElse: () => Effect.fail(this.failure("connect", "it does not answer in time"))
        })
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => this.connected(socket)),
        () => Effect.sync(() => this.disconnected(socket))
      )
      yield* Effect.raceFirst(socket.closed, this.stalled(socket))
    })
  }

  private get greeted(): Effect.Effect<PeerSocket, SessionFailure, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const socket = yield* this.dialled
      socket.send("hello", Handshake.encode(this.parts.greetingTo(this.peer)))
      const answer = yield* socket.first
      yield* this.judged(answer)
      return socket
    })
  }

  private get dialled(): Effect.Effect<PeerSocket, PeerConnectionFailure, Scope.Scope> {
    const { host, port } = this.peer.address
    const opened = Effect.acquireRelease(
      Effect.sync(() => connect({ host, port })),
      (socket) => Effect.sync(() => socket.destroy())
    )
    return Effect.flatMap(opened, (socket) =>
      Effect.callback<PeerSocket, PeerConnectionFailure>((resume) => {
        socket.once("error", (cause) => resume(Effect.fail(this.failure("connect", cause))))
        socket.once("connect", () => resume(Effect.succeed(new PeerSocket(socket))))
      })
    )
  }

  /** The other node's answer: who it is, or why it will not talk to this one. */
  private judged(answer: Frame | undefined): Effect.Effect<void, SessionFailure> {
    if (answer === undefined) return Effect.fail(this.failure("greet", "it has hung up"))
    const unreadable = () => this.failure("greet", "its answer cannot be read")
    if (answer.type === "refusal") {
      const refusal = Effect.fromResult(Handshake.decodeRefusal(answer.body))
      return Effect.flatMap(Effect.mapError(refusal, unreadable), Effect.fail)
    }
    const welcome =
      answer.type === "welcome"
        ? Effect.mapError(Effect.fromResult(Handshake.decode(answer.body)), unreadable)
        : Effect.fail(unreadable())
    return Effect.flatMap(welcome, (greeting) => {
      const { id: memberId, nodeName: peer } = this.peer
      this.endpoint = greeting.node.endpoint === "" ? undefined : greeting.node.endpoint
      return greeting.node.memberId === memberId
        ? this.parts.judge(greeting)
        : Effect.fail(new PeerRefused({ reason: "notThatMember", peer, memberId }))
    })
  }

  private connected(socket: PeerSocket): void {
    this.socket = socket
    this.isBlocked = false
    socket.onDrained = () => {
      this.isBlocked = false
      this.flush()
    }
    // The other direction has a connection of its own: nothing more comes on this one.
    socket.onFrame = () => socket.destroy()
  }

  private disconnected(socket: PeerSocket): void {
    this.bytesSentBefore += socket.bytesSent
    this.socket = undefined
    this.queue.clear()
  }

  /** Ends a connection whose other end has taken nothing for too long. */
  private stalled(socket: PeerSocket): Effect.Effect<void> {
    const { peerStallMillis } = this.parts.settings
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const wasBlocked = this.isBlocked
        const sent = socket.bytesSent
        yield* Effect.sleep(peerStallMillis)
        if (wasBlocked && this.isBlocked && socket.bytesSent === sent) return
      }
    })
  }

  private flush(): void {
    const { socket } = this
    if (socket === undefined) return
    while (!this.isBlocked && !this.queue.isEmpty) {
      this.isBlocked = !socket.send("messages", PeerMessages.encode(this.queue.takeFrame()))
    }
  }

  private failure(operation: string, cause: unknown): PeerConnectionFailure {
    const address = Endpoint.format(this.peer.address)
    return new PeerConnectionFailure({ address, operation, cause })
  }
}
