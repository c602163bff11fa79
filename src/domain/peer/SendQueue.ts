/**
 * What waits to be sent to one peer: bounded, in order, cut into frames (SPEC §9).
 *
 * A peer that is slow or gone must cost no memory: what does not fit is dropped, and Raft sends again
 * what is still needed. Proof: `SendQueue.test.ts`.
 */
import type { Message } from "../raft/Message.ts"
import * as PeerMessages from "./PeerMessages.ts"

export interface SendQueueLimits {
  readonly countMax: number
  readonly bytesMax: number
  /** Of one frame, unless a single message is larger. */
  readonly frameBytesMax: number
}

/** Messages that fit the count of a frame. */
const frameCountMax = 0xffff

/** Mutable: one per peer. */
export class SendQueue {
  private readonly limits: SendQueueLimits
  private waiting: Array<Message> = []
  private waitingBytes = 0
  private droppedCount = 0

  constructor(limits: SendQueueLimits) {
    this.limits = limits
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  get bytes(): number {
    return this.waitingBytes
  }

  /** Messages dropped so far. */
  get dropped(): number {
    return this.droppedCount
  }

  /** Takes the message, or drops it. A lone message always fits. */
  add(message: Message): void {
    const bytes = PeerMessages.bytesOf(message)
    const { bytesMax, countMax } = this.limits
    const hasRoom = this.waiting.length < countMax && this.waitingBytes + bytes <= bytesMax
    if (this.waiting.length > 0 && !hasRoom) {
      this.droppedCount += 1
      return
    }
    this.waiting.push(message)
    this.waitingBytes += bytes
  }

  /** The messages of the next frame; none if nothing waits. */
  takeFrame(): ReadonlyArray<Message> {
    let bytes = 0
    let count = 0
    for (const message of this.waiting) {
      const size = PeerMessages.bytesOf(message)
      const fits = count === 0 || bytes + size <= this.limits.frameBytesMax
      if (!fits || count === frameCountMax) break
      bytes += size
      count += 1
    }
    this.waitingBytes -= bytes
    return this.waiting.splice(0, count)
  }

  /** Drops everything. */
  clear(): void {
    this.droppedCount += this.waiting.length
    this.waiting = []
    this.waitingBytes = 0
  }
}
