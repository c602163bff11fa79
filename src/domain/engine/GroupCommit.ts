/**
 * The user requests that wait to become one entry (SPEC §9): a bounded queue cut into batches.
 *
 * In order of arrival, one term per batch, within a count, a size and what may be answered; a request
 * larger than a batch, and one that is an entry of its own, is a batch of its own. Pure bookkeeping:
 * who is woken and answered is the coordinator's business.
 * Proof: `test/domain/engine/GroupCommit.test.ts`.
 */
import type { Term } from "../Ids.ts"

export interface Waiting {
  readonly request: Uint8Array
  /** What it may answer beside a few bytes for each operation. */
  readonly answerBytesMax: number
  readonly term: Term
  /** Is it an entry of its own? */
  readonly isAlone: boolean
}

export interface GroupCommitLimits {
  readonly pendingCountMax: number
  readonly pendingBytesMax: number
  readonly batchCountMax: number
  readonly batchBytesMax: number
  /** A batch is answered as a whole: its answers are held at a time, on every replica. */
  readonly batchAnswerBytesMax: number
}

/** Mutable: one per coordinator. */
export class GroupCommit<W extends Waiting> {
  private readonly limits: GroupCommitLimits
  private waiting: Array<W> = []
  private bytes = 0

  constructor(limits: GroupCommitLimits) {
    this.limits = limits
  }

  get count(): number {
    return this.waiting.length
  }

  get pendingBytes(): number {
    return this.bytes
  }

  /** Is there room for one more request of this size? A lone request always fits. */
  hasRoomFor(requestBytes: number): boolean {
    const { pendingBytesMax, pendingCountMax } = this.limits
    if (this.waiting.length === 0) return true
    return this.waiting.length < pendingCountMax && this.bytes + requestBytes <= pendingBytesMax
  }

  add(waiting: W): void {
    this.waiting.push(waiting)
    this.bytes += waiting.request.length
  }

  /** Takes a request back that is in no batch yet; false if it is, or was never here. */
  withdraw(gone: W): boolean {
    const at = this.waiting.indexOf(gone)
    if (at < 0) return false
    this.waiting.splice(at, 1)
    this.bytes -= gone.request.length
    return true
  }

  /** The next batch; empty if nothing waits. */
  takeBatch(): ReadonlyArray<W> {
    const { batchAnswerBytesMax, batchBytesMax, batchCountMax } = this.limits
    const first = this.waiting[0]
    let bytes = 0
    let answerBytes = 0
    let count = 0
    for (const { answerBytesMax, isAlone, request, term } of this.waiting) {
      const isApart = isAlone || first?.isAlone || term !== first?.term
      const isFull =
        count === batchCountMax ||
        bytes + request.length > batchBytesMax ||
        answerBytes + answerBytesMax > batchAnswerBytesMax
      if (count > 0 && (isApart || isFull)) break
      bytes += request.length
      answerBytes += answerBytesMax
      count += 1
    }
    this.bytes -= bytes
    return this.waiting.splice(0, count)
  }
}
