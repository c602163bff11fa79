/**
 * What waits of the messages that peers have sent: the room there is for them (SPEC §9).
 *
 * A member whose disk is slow is sent more than it can write. What must never happen: memory that grows
 * with what peers send. A message that finds no room is dropped, which Raft makes good.
 * Proof: `test/domain/engine/ReceivedMessages.test.ts`.
 */
import * as Entry from "../raft/Entry.ts"
import type { Message } from "../raft/Message.ts"

/** Mutable: one per engine. */
export class ReceivedMessages {
  private readonly bytesMax: number
  private waitingBytes = 0

  constructor(options: { readonly bytesMax: number }) {
    this.bytesMax = options.bytesMax
  }

  get bytes(): number {
    return this.waitingBytes
  }

  /** Counts the message if there is room for it. A lone message always fits. */
  admit(message: Message): boolean {
    const bytes = bytesOf(message)
    if (this.waitingBytes > 0 && this.waitingBytes + bytes > this.bytesMax) return false
    this.waitingBytes += bytes
    return true
  }

  /** The message waits no longer. */
  taken(message: Message): void {
    this.waitingBytes -= bytesOf(message)
  }
}

const bytesOf = (message: Message): number =>
  Entry.overheadBytes + (message._tag === "Append" ? Entry.totalBytesOf(message.entries) : 0)
