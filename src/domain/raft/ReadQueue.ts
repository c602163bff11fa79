/**
 * The reads that wait for a leader to be confirmed (Raft thesis §6.4).
 *
 * Each read is numbered as it comes. A heartbeat carries the number of the last one, and a member
 * that answers confirms all reads up to the number it got: at that moment, which is after each of
 * those reads was asked, it still followed this leader. So one round confirms any number of reads.
 *
 * What must never happen: an index lower than what was committed when the read was asked, or one
 * from a leader that had been replaced by then. Proof: `Reading.test.ts`.
 */
import type { LogIndex, MemberId } from "../Ids.ts"
import type { ReadRequest } from "./Message.ts"
import * as Quorum from "./Quorum.ts"

/** A read and the index from which on it may be served. */
export interface PendingRead {
  readonly request: ReadRequest
  readonly index: LogIndex
}

export class ReadQueue {
  /** Reads `confirmedCount + 1 …`, oldest first. */
  private unconfirmed: Array<PendingRead> = []
  private confirmedCount = 0
  private readonly acknowledged = new Map<MemberId, number>()

  add(read: PendingRead): void {
    this.unconfirmed.push(read)
  }

  /** What a heartbeat asks to confirm: the number of the last read that waits, or 0. */
  get position(): number {
    return this.unconfirmed.length === 0 ? 0 : this.lastPosition
  }

  /** The highest position a heartbeat has carried. */
  get lastPosition(): number {
    return this.confirmedCount + this.unconfirmed.length
  }

  /** A member answered a heartbeat that carried `position`. */
  acknowledge(from: MemberId, position: number): void {
    this.acknowledged.set(from, Math.max(this.acknowledged.get(from) ?? 0, position))
  }

  /** Takes out the reads that a quorum has confirmed by now. */
  takeConfirmed(voters: Quorum.JointVoters): ReadonlyArray<PendingRead> {
    const confirmed = Quorum.committedIndex(
      voters,
      (id) => this.acknowledged.get(id) as LogIndex | undefined
    )
    const count = confirmed - this.confirmedCount
    if (count <= 0) return []
    this.confirmedCount = confirmed
    return this.unconfirmed.splice(0, count)
  }
}
