/**
 * One direction of a proxied connection: what has arrived and not left, and when it may.
 *
 * Knows no socket and no clock: times are inputs, in milliseconds. What must never happen: bytes out
 * of order, or a stream that goes on behind bytes that were lost. Proof: `test/e2e/NemesisFlow.test.ts`.
 */

/** What a direction does to what is sent in it. */
export type Traffic =
  | { readonly _tag: "Pass" }
  /** A black hole that keeps: everything waits, also that the sender has closed. */
  | { readonly _tag: "Hold" }
  /** A black hole that loses. A connection that lost something is reset once the hole is closed. */
  | { readonly _tag: "Drop" }
  /** Each piece waits this long, and up to the jitter longer. */
  | { readonly _tag: "Delay"; readonly millis: number; readonly jitterMillis: number }
  | { readonly _tag: "Slow"; readonly bytesPerSecond: number }

/** What to do now. */
export type Step =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  | { readonly _tag: "Close"; readonly how: "end" | "reset" }
  | { readonly _tag: "Wait"; readonly millis: number }
  | { readonly _tag: "Idle" }

interface Item {
  readonly content: Exclude<Step, { readonly _tag: "Wait" | "Idle" }>
  readonly arrivedAt: number
  /** Its share of the jitter, in [0, 1). */
  readonly jitter: number
}

const idle: Step = { _tag: "Idle" }
/** A slow link sends portions of this much time. */
const portionMillis = 20

/** Mutable. */
export class Flow {
  /** Bytes that wait here. */
  bytes = 0
  /** Bytes that a black hole has lost. */
  bytesLost = 0
  /** It lost something, so what comes behind that must not arrive. */
  private isTorn = false
  private isOver = false
  private items: Array<Item> = []
  /** When the slow link has sent what it was given before. */
  private freeAt = 0

  push(content: Item["content"], at: { readonly now: number; readonly jitter: number }): void {
    if (this.isOver) return
    if (content._tag === "Send") this.bytes += content.bytes.length
    this.items.push({ content, arrivedAt: at.now, jitter: at.jitter })
  }

  /** Nothing more will be taken or given. */
  finish(): void {
    this.isOver = true
    this.discard()
  }

  /** Takes out what may leave now. */
  next(traffic: Traffic, now: number): Step {
    if (this.isOver || traffic._tag === "Hold") return idle
    if (traffic._tag === "Drop") {
      this.isTorn ||= this.items.length > 0
      this.bytesLost += this.bytes
      this.discard()
      return idle
    }
    if (this.isTorn) {
      this.finish()
      return { _tag: "Close", how: "reset" }
    }
    const [head] = this.items
    if (head === undefined) return idle
    const millis = this.leavesAt(head, traffic) - now
    return millis > 0 ? { _tag: "Wait", millis } : this.take(head, traffic, now)
  }

  private leavesAt({ arrivedAt, jitter }: Item, traffic: Traffic): number {
    if (traffic._tag === "Delay") return arrivedAt + traffic.millis + jitter * traffic.jitterMillis
    return traffic._tag === "Slow" ? this.freeAt : -Infinity
  }

  private take({ content, ...rest }: Item, traffic: Traffic, now: number): Step {
    this.items.shift()
    if (content._tag === "Close" && content.how === "reset") this.finish()
    if (content._tag !== "Send") return content
    const { bytes } = content
    const rate = traffic._tag === "Slow" ? traffic.bytesPerSecond / 1_000 : Infinity
    const count = Math.max(1, Math.floor(Math.min(bytes.length, rate * portionMillis)))
    this.bytes -= count
    this.freeAt = now + count / rate
    if (count === bytes.length) return content
    this.items.unshift({ content: { _tag: "Send", bytes: bytes.subarray(count) }, ...rest })
    return { _tag: "Send", bytes: bytes.subarray(0, count) }
  }

  private discard(): void {
    this.items = []
    this.bytes = 0
  }
}
