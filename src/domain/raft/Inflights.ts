/**
 * The window of appends that were sent to one member and not yet acknowledged.
 *
 * What must never happen: more than `messagesMax` appends on the way, or another one once
 * `bytesMax` is reached. The byte limit is soft by one message: the last one may pass it.
 * Proof: `Progress.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"

/** How much may be on the way to one member. */
export interface InflightLimits {
  readonly messagesMax: number
  readonly bytesMax: number
}

interface Inflight {
  /** The last index in the message. */
  readonly last: LogIndex
  /** The data bytes of its entries. */
  readonly bytes: number
}

/** Ordered by index, oldest first. */
export class Inflights {
  private window: Array<Inflight> = []
  private bytes = 0
  private readonly limits: InflightLimits

  constructor(limits: InflightLimits) {
    this.limits = limits
  }

  get count(): number {
    return this.window.length
  }

  get isFull(): boolean {
    return this.window.length >= this.limits.messagesMax || this.bytes >= this.limits.bytesMax
  }

  add(last: LogIndex, bytes: number): void {
    invariant(!this.isFull, "an append is sent only while the in-flight window has room")
    this.window.push({ last, bytes })
    this.bytes += bytes
  }

  /** An acknowledgement of `index` covers every message that ends at or before it. */
  freeThrough(index: LogIndex): void {
    let count = 0
    for (const inflight of this.window) {
      if (inflight.last > index) break
      this.bytes -= inflight.bytes
      count++
    }
    if (count > 0) this.window = this.window.slice(count)
  }
}
