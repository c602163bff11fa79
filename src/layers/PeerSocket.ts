/**
 * Frames over one TCP connection between two members.
 *
 * What must never happen here: a frame taken before the peer is known that is larger than a greeting,
 * bytes of a broken stream read on, an error of the socket that nobody handles.
 * Proof: `test/layers/TransportSocket.test.ts`.
 */
import type { Socket } from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Challenge from "../domain/capability/Challenge.ts"
import * as Limits from "../domain/Limits.ts"
import * as Frame from "../domain/peer/Frame.ts"
import * as Handshake from "../domain/peer/Handshake.ts"
import * as Introduction from "../domain/peer/Introduction.ts"

const keepAliveMillis = 5_000

/** Mutable: one per connection. */
export class PeerSocket {
  /** Called for each frame from the moment it is set; a frame that nobody waits for ends it all. */
  onFrame: ((frame: Frame.Frame) => void) | undefined = undefined
  /** Called when the peer has taken what was sent. */
  onDrained: () => void = () => {}
  bytesReceived = 0
  bytesSent = 0
  private readonly socket: Socket
  private readonly reader = new Frame.FrameReader({
    bytesMax: Math.max(Handshake.bytesMax, Introduction.bytesMax, Challenge.bytesMax) + 1
  })
  private readonly ended = Deferred.makeUnsafe<void>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveMillis)
    socket.on("data", (bytes: Buffer) => this.received(bytes))
    socket.on("drain", () => this.onDrained())
    // `close` follows.
    socket.on("error", () => {})
    socket.on("close", () => Deferred.doneUnsafe(this.ended, Exit.void))
  }

  /** Returns when the connection is closed, by whomever. */
  get closed(): Effect.Effect<void> {
    return Deferred.await(this.ended)
  }

  /** The first frame, or `undefined` if the connection is closed before it comes. */
  get first(): Effect.Effect<Frame.Frame | undefined> {
    const frame = Effect.callback<Frame.Frame>((resume) => {
      this.onFrame = (frame) => {
        this.onFrame = undefined
        resume(Effect.succeed(frame))
      }
    })
    return Effect.raceFirst(frame, Effect.as(this.closed, undefined))
  }

  /** The peer is known: frames may be as large as messages are, or smaller. */
  trust(bytesMax: number = Limits.frameBytesMax): void {
    this.reader.allow(bytesMax)
  }

  /** What the peer sends stays with it; frames that have arrived already may still come. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Until {@link onDrained} is called, which a closed one never does. */
  get isFull(): boolean {
    const { destroyed, writableNeedDrain } = this.socket
    return destroyed || writableNeedDrain
  }

  /** False if it {@link isFull} now. */
  send(type: Frame.FrameType, body: Buffer): boolean {
    const header = Frame.header(type, body.length)
    this.bytesSent += header.length + body.length
    this.socket.cork()
    this.socket.write(header)
    const isTaken = this.socket.write(body)
    this.socket.uncork()
    return isTaken
  }

  /** Sends one last frame and closes. */
  endWith(type: Frame.FrameType, body: Buffer): void {
    this.socket.end(Buffer.concat([Frame.header(type, body.length), body]))
  }

  destroy(): void {
    this.socket.destroy()
  }

  private received(bytes: Buffer): void {
    this.bytesReceived += bytes.length
    const frames = this.reader.push(bytes)
    if (Result.isFailure(frames)) return this.destroy()
    for (const frame of frames.success) {
      if (this.onFrame === undefined) return this.destroy()
      this.onFrame(frame)
    }
  }
}
