/**
 * Snapshots on their way: each on a connection of its own, so that nothing else waits for it (SPEC §16).
 *
 * Both sides hold some pieces at a time: the sender waits until the socket has taken what it wrote, the
 * receiver reads no more from the socket until its state has taken what came. What must never happen
 * here: memory that grows with the snapshot, a transfer without an end, one told as delivered that the
 * receiver has not installed. Proof: `test/contracts/SnapshotTransfer.ts`.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { MemberId } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import { SnapshotTransferFailure, type TransferFailedReason } from "../domain/peer/Errors.ts"
import type { Frame } from "../domain/peer/Frame.ts"
import * as PeerMessages from "../domain/peer/PeerMessages.ts"
import type { InstallSnapshot } from "../domain/raft/Message.ts"
import type { Receiver } from "../services/Transport.ts"
import type { PeerSocket } from "./PeerSocket.ts"

/** Pieces that have come and are not taken yet; from here on the socket is not read. */
const waitingBytesMax = Limits.mebibyte

const failed = (peer: MemberId, reason: TransferFailedReason) =>
  new SnapshotTransferFailure({ peer, reason })

/** Bounds how many snapshots this node sends, or takes in, at a time: one per peer, and some in all. */
export class TransferSlots {
  private readonly countMax: number
  private readonly taken = new Set<MemberId>()

  constructor(countMax: number) {
    this.countMax = countMax
  }

  /** A slot until the scope closes. */
  take(peer: MemberId): Effect.Effect<void, SnapshotTransferFailure, Scope.Scope> {
    const taking = Effect.suspend(() => {
      const isFree = this.taken.size < this.countMax && !this.taken.has(peer)
      if (!isFree) return Effect.fail(failed(peer, "busy"))
      this.taken.add(peer)
      return Effect.void
    })
    return Effect.acquireRelease(taking, () => Effect.sync(() => this.taken.delete(peer)))
  }
}

/** Sends over a connection that has been greeted as a `transfer`; returns once it is installed. */
export const send = Effect.fnUntraced(function* <E>(
  socket: PeerSocket,
  message: InstallSnapshot,
  bytes: Stream.Stream<Uint8Array, E>,
  { stallMillis }: { readonly stallMillis: number }
) {
  const { to: peer } = message
  const outcome = Deferred.makeUnsafe<void, SnapshotTransferFailure>()
  socket.onFrame = ({ body, type }) => {
    if (type === "alive") return
    const isInstalled = type === "outcome" && body.length === 1 && body[0] === 1
    Deferred.doneUnsafe(
      outcome,
      isInstalled ? Exit.void : Exit.fail(failed(peer, "receiverFailed"))
    )
  }
  const broken = Effect.andThen(socket.closed, Deferred.fail(outcome, failed(peer, "broken")))
  const stalled = Effect.andThen(
    silence(socket, stallMillis),
    Deferred.fail(outcome, failed(peer, "stalled"))
  )
  yield* Effect.forkScoped(Effect.race(broken, stalled))
  socket.send("messages", PeerMessages.encode([message]))
  const sending = Stream.runForEach(bytes, (piece) => sendPiece(socket, piece)).pipe(
    Effect.andThen(Effect.sync(() => socket.send("end", Buffer.alloc(0)))),
    Effect.andThen(Deferred.await(outcome))
  )
  yield* Effect.raceFirst(Deferred.await(outcome), sending)
})

/** Returns when nothing has come or gone for this long. */
const silence = Effect.fnUntraced(function* (socket: PeerSocket, millis: number) {
  for (;;) {
    const before = socket.bytesSent + socket.bytesReceived
    yield* Effect.sleep(millis)
    if (socket.bytesSent + socket.bytesReceived === before) return
  }
})

/** Returns when the socket wants more. */
const sendPiece = (socket: PeerSocket, piece: Uint8Array): Effect.Effect<void> => {
  const { buffer, byteLength, byteOffset } = piece
  return Effect.gen(function* () {
    for (let from = 0; from < byteLength; from += Limits.snapshotFrameBytesMax) {
      const size = Math.min(Limits.snapshotFrameBytesMax, byteLength - from)
      const isTaken = socket.send("chunk", Buffer.from(buffer, byteOffset + from, size))
      if (!isTaken) yield* drained(socket)
    }
  })
}

/** Also if it was taken since it was sent: the socket may speak between any two operations. */
const drained = (socket: PeerSocket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    socket.onDrained = () => resume(Effect.void)
    if (!socket.isFull) socket.onDrained()
  })

/**
 * Takes in what comes on a connection that was welcomed as a `transfer`, and tells the sender what has
 * become of it. `begun` is called once its message has come.
 */
export const receive = Effect.fnUntraced(function* (
  socket: PeerSocket,
  ends: PeerMessages.Ends,
  snapshot: NonNullable<Receiver["snapshot"]>,
  { stallMillis }: { readonly stallMillis: number }
) {
  const inbox = new Inbox(socket, ends.from)
  yield* Effect.forkScoped(
    Effect.andThen(
      socket.closed,
      Effect.sync(() => inbox.break())
    )
  )
  const message = yield* inbox.message(ends, stallMillis)
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(stallMillis / 4),
        Effect.sync(() => socket.send("alive", Buffer.alloc(0)))
      )
    )
  )
  const installed = yield* Effect.exit(
    snapshot(message, Stream.fromPull(Effect.succeed(inbox.pull(stallMillis))))
  )
  if (Exit.isFailure(installed) && Cause.hasInterrupts(installed.cause)) return
  socket.endWith("outcome", Buffer.from([Exit.isSuccess(installed) ? 1 : 0]))
  yield* Effect.timeoutOption(socket.closed, stallMillis)
})

/** What has come of one snapshot. Mutable: one per connection. */
class Inbox {
  private readonly socket: PeerSocket
  private readonly peer: MemberId
  private first: Frame | undefined = undefined
  private pieces: Array<Uint8Array> = []
  private waitingBytes = 0
  private hasEnded = false
  private isBroken = false
  /** Who waits for something to happen. */
  private wake: () => void = () => {}

  constructor(socket: PeerSocket, peer: MemberId) {
    this.socket = socket
    this.peer = peer
    socket.onFrame = (frame) => this.take(frame)
  }

  break(): void {
    this.isBroken = true
    this.wake()
  }

  /** What is sent before the pieces. */
  message(ends: PeerMessages.Ends, stallMillis: number) {
    return Effect.gen({ self: this }, function* () {
      yield* this.until(() => this.first !== undefined, stallMillis)
      const { body, type } = this.first!
      const messages = type === "messages" ? PeerMessages.decode(ends, body) : undefined
      const [message, ...others] = messages?._tag === "Success" ? messages.success : []
      const isOne = message?._tag === "InstallSnapshot" && others.length === 0
      return isOne ? message : yield* failed(this.peer, "broken")
    })
  }

  /** All pieces that have come, at least one; then the end. */
  pull(stallMillis: number) {
    return Effect.gen({ self: this }, function* () {
      yield* this.until(() => this.pieces.length > 0 || this.hasEnded, stallMillis)
      const [first, ...others] = this.pieces
      if (first === undefined) return yield* Cause.done()
      this.pieces = []
      this.waitingBytes = 0
      this.socket.resume()
      return [first, ...others] as const
    })
  }

  private take(frame: Frame): void {
    if (this.first === undefined) this.first = frame
    else if (frame.type === "chunk" && !this.hasEnded) this.add(frame.body)
    else if (frame.type === "end" && !this.hasEnded) this.hasEnded = true
    else return this.socket.destroy()
    this.wake()
  }

  private add(piece: Uint8Array): void {
    this.pieces.push(piece)
    this.waitingBytes += piece.length
    if (this.waitingBytes >= waitingBytesMax) this.socket.pause()
  }

  /** Waits until it holds, or fails: the connection is gone, or nothing has come for too long. */
  private until(holds: () => boolean, stallMillis: number) {
    const woken = Effect.callback<void>((resume) => {
      this.wake = () => {
        if (holds() || this.isBroken) resume(Effect.void)
      }
      // What came before this waits too.
      this.wake()
    })
    return Effect.gen({ self: this }, function* () {
      if (holds()) return
      yield* Effect.timeoutOrElse(woken, {
        duration: stallMillis,
        orElse: () => Effect.fail(failed(this.peer, "stalled"))
      })
      if (!holds()) return yield* failed(this.peer, "broken")
    })
  }
}
