/**
 * The way out to one peer: dials it, greets it, and sends what waits for it (SPEC §9).
 *
 * What must never happen here: a message sent to a node that is not the member it was dialled as, a
 * caller that waits for a peer, memory that grows with a peer that is gone.
 * Proof: `test/contracts/Transport.ts`, `test/layers/TransportSocket.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Limits from "../domain/Limits.ts"
import type { PeerRefused } from "../domain/peer/Errors.ts"
import * as PeerMessages from "../domain/peer/PeerMessages.ts"
import { SendQueue } from "../domain/peer/SendQueue.ts"
import type { Message } from "../domain/raft/Message.ts"
import type { NodeSettings } from "../services/NodeConfig.ts"
import type { Connection, Peer } from "../services/Transport.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import * as PeerDial from "./PeerDial.ts"
import type { PeerSocket } from "./PeerSocket.ts"

/** What a sender works with. */
export interface Parts extends PeerDial.Manners {
  readonly settings: NodeSettings
  readonly unreachable: () => void
  /** Told once for each new reason. */
  readonly refused: (refusal: PeerRefused) => void
}

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
        const startedAt = yield* MonotonicClock.nowMillis
        const ended = yield* Effect.result(Effect.scoped(this.session))
        if (Result.isFailure(ended) && ended.failure._tag === "PeerRefused") {
          this.parts.refused(ended.failure)
        }
        this.parts.unreachable()
        const lasted = (yield* MonotonicClock.nowMillis) - startedAt
        pauseMillis = lasted > max ? min : Math.min(max, 2 * pauseMillis)
        yield* Effect.sleep(pauseMillis * (0.5 + (yield* Random.next) / 2))
      })
    )
  }

  /** One connection, from dialling to its end. */
  private get session(): Effect.Effect<void, PeerDial.DialFailure, Scope.Scope> {
    const { peerConnectTimeoutMillis } = this.parts.settings
    return Effect.gen({ self: this }, function* () {
      const { node, socket } = yield* PeerDial.greeted("hello", this.peer, this.parts).pipe(
        PeerDial.inTime(this.peer.address, peerConnectTimeoutMillis)
      )
      this.endpoint = node.endpoint === "" ? undefined : node.endpoint
      yield* Effect.acquireRelease(
        Effect.sync(() => this.connected(socket)),
        () => Effect.sync(() => this.disconnected(socket))
      )
      yield* Effect.raceFirst(socket.closed, this.stalled(socket))
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
}
