/**
 * One connection through the proxy: two sockets, and a flow each way.
 *
 * What must never happen: memory that grows with what a sender sends (it is not read while the flow
 * is full, nor is a socket written to that has not taken what it got), a close that overtakes bytes or
 * passes a black hole, an error of a socket that nobody handles. Proof: `test/e2e/NemesisProxy.test.ts`.
 */
import type { Socket } from "node:net"
import { Flow, type Step, type Traffic } from "./Flow.ts"
import type { Link } from "./Link.ts"

/** What a connection needs of its proxy. */
export interface Surroundings {
  readonly now: () => number
  /** Calls once, unless what it answers is called before. */
  readonly later: (millis: number, action: () => void) => () => void
  /** In [0, 1). */
  readonly random: () => number
  readonly dial: () => Socket
  readonly bufferBytesMax: number
  /** Whose connection it is, by its first bytes; `undefined`: more are needed. */
  readonly originOf: ((head: Buffer) => string | undefined) | undefined
  /** `undefined` while the origin is not known. */
  readonly linkOf: (origin: string | undefined) => Link
  readonly onClosed: (connection: ProxyConnection) => void
}

/** Whoever has not said by then who it is, is a stranger. */
export const headBytesMax = 4_096
export const stranger = ""

/** Mutable: from one socket to another. */
class Direction {
  readonly flow = new Flow()
  source: Socket | undefined
  sink: Socket | undefined
  /** The sink is not there yet, or has not taken what it got. */
  isBlocked = false
  bytesPassed = 0
  private cancel: () => void = () => {}
  private readonly surroundings: Surroundings
  private readonly traffic: () => Traffic | undefined
  private readonly open: () => void

  constructor(
    surroundings: Surroundings,
    traffic: () => Traffic | undefined,
    open: () => void = () => {}
  ) {
    this.surroundings = surroundings
    this.traffic = traffic
    this.open = open
  }

  push(content: Parameters<Flow["push"]>[0]): void {
    const { now, random } = this.surroundings
    this.flow.push(content, { now: now(), jitter: random() })
    this.pump()
  }

  /** Moves what may be moved now, and sees to being called again. */
  pump(): void {
    this.cancel()
    this.cancel = () => {}
    const traffic = this.traffic()
    while (traffic !== undefined && !this.isBlocked) {
      const step = this.flow.next(traffic, this.surroundings.now())
      if (step._tag === "Idle") break
      if (step._tag === "Wait") {
        this.cancel = this.surroundings.later(step.millis, () => {
          this.cancel = () => {}
          this.pump()
        })
        break
      }
      this.take(step)
    }
    const isFull = this.flow.bytes >= this.surroundings.bufferBytesMax
    if (isFull) this.source?.pause()
    else if (this.source?.isPaused()) this.source.resume()
  }

  /** The sink is gone: nothing can arrive any more. */
  finish(): void {
    this.cancel()
    this.flow.finish()
    if (this.source?.isPaused()) this.source.resume()
  }

  private take(step: Exclude<Step, { readonly _tag: "Wait" | "Idle" }>): void {
    if (step._tag === "Open") {
      this.isBlocked = true
      this.open()
    } else if (step._tag === "Send") {
      this.bytesPassed += step.bytes.length
      this.isBlocked = this.sink?.write(step.bytes) === false
    } else if (step.how === "end") this.sink?.end()
    else reset(this.sink ?? this.source!)
  }
}

/** Mutable: one per client. */
export class ProxyConnection {
  /** As the first bytes told it. */
  origin: string | undefined
  private readonly surroundings: Surroundings
  private readonly client: Socket
  private target: Socket | undefined
  private readonly toTarget: Direction
  private readonly toClient: Direction
  private head = Buffer.alloc(0)

  constructor(client: Socket, surroundings: Surroundings) {
    this.client = client
    this.surroundings = surroundings
    const trafficOf = (direction: "toTarget" | "toClient") => () => {
      const link = surroundings.linkOf(this.origin)
      const isKnown = this.origin !== undefined && link._tag === "Joined"
      return isKnown ? link[direction] : undefined
    }
    this.toTarget = new Direction(surroundings, trafficOf("toTarget"), () => this.open())
    this.toClient = new Direction(surroundings, trafficOf("toClient"))
    this.toClient.sink = client
    this.origin = surroundings.originOf === undefined ? stranger : undefined
    this.listen(client, { from: this.toTarget, to: this.toClient })
    this.toTarget.push({ _tag: "Open" })
  }

  get bytesWaiting(): { readonly toTarget: number; readonly toClient: number } {
    return { toTarget: this.toTarget.flow.bytes, toClient: this.toClient.flow.bytes }
  }

  get bytesPassed(): { readonly toTarget: number; readonly toClient: number } {
    return { toTarget: this.toTarget.bytesPassed, toClient: this.toClient.bytesPassed }
  }

  get bytesLost(): { readonly toTarget: number; readonly toClient: number } {
    return { toTarget: this.toTarget.flow.bytesLost, toClient: this.toClient.flow.bytesLost }
  }

  /** The link may be another one now. */
  linkChanged(): void {
    if (this.surroundings.linkOf(this.origin)._tag === "Cut") return this.cut()
    this.toTarget.pump()
    this.toClient.pump()
  }

  /** Resets both sides. */
  cut(): void {
    this.toTarget.finish()
    this.toClient.finish()
    reset(this.client)
    if (this.target !== undefined) reset(this.target)
  }

  private open(): void {
    const target = this.surroundings.dial()
    this.target = target
    this.toTarget.sink = target
    target.once("connect", () => {
      this.toTarget.isBlocked = false
      this.toTarget.pump()
    })
    this.listen(target, { from: this.toClient, to: this.toTarget })
  }

  /** A socket is the source of one direction and the sink of the other. */
  private listen(
    socket: Socket,
    { from, to }: { readonly from: Direction; readonly to: Direction }
  ): void {
    let isEnded = false
    from.source = socket
    socket.setNoDelay(true)
    socket.on("data", (bytes: Buffer) => {
      if (socket === this.client) this.identify(bytes)
      from.push({ _tag: "Send", bytes })
    })
    socket.on("end", () => {
      isEnded = true
      if (socket === this.client && this.target === undefined) return this.cut()
      from.push({ _tag: "Close", how: "end" })
    })
    socket.on("drain", () => {
      to.isBlocked = false
      to.pump()
    })
    // `close` follows.
    socket.on("error", () => {})
    socket.on("close", (hadError) => {
      to.finish()
      if (hadError || !isEnded) from.push({ _tag: "Close", how: "reset" })
      this.closed()
    })
  }

  private identify(bytes: Buffer): void {
    const { linkOf, originOf } = this.surroundings
    if (originOf === undefined || this.origin !== undefined) return
    this.head = Buffer.concat([this.head, bytes])
    this.origin = originOf(this.head)
    if (this.origin === undefined && this.head.length >= headBytesMax) this.origin = stranger
    if (this.origin === undefined) return
    this.head = Buffer.alloc(0)
    if (linkOf(this.origin)._tag === "Cut") this.cut()
  }

  private closed(): void {
    const isGone = this.client.closed && (this.target === undefined || this.target.closed)
    if (this.client.closed && this.target === undefined) this.toTarget.finish()
    if (isGone) this.surroundings.onClosed(this)
  }
}

/**
 * Not a good-bye: the other side shall see that the connection broke.
 *
 * While its end is on the way a socket refuses to be reset (`EINVAL`), and Node then keeps its handle for
 * good: the process spins when it comes to its end.
 */
function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished
  if (socket.connecting) socket.destroy()
  else if (isEnding) socket.once("finish", () => socket.resetAndDestroy())
  else socket.resetAndDestroy()
}
