/**
 * The user requests that wait to become one entry (SPEC §9): a bounded queue cut into batches.
 *
 * In order of arrival, one term per batch, within a count and a size; a request larger than a batch,
 * and one that is an entry of its own, is a batch of its own. Pure bookkeeping: who is woken and
 * answered is the coordinator's business.
 * Proof: `test/domain/engine/GroupCommit.test.ts`.
 */
import type { Term } from "../Ids.ts"

export interface Waiting {
  readonly request: Uint8Array
  readonly term: Term
  /** Is it an entry of its own? */
  readonly isAlone: boolean
}

export interface GroupCommitLimits {
  readonly pendingCountMax: number
  readonly pendingBytesMax: number
  readonly batchCountMax: number
  readonly batchBytesMax: number
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
    const { batchBytesMax, batchCountMax } = this.limits
    const first = this.waiting[0]
    let bytes = 0
    let count = 0
    for (const { isAlone, request, term } of this.waiting) {
      const isApart = count > 0 && (isAlone || first?.isAlone || term !== first?.term)
      const fits = count === 0 || bytes + request.length <= batchBytesMax
      if (isApart || count === batchCountMax || !fits) break
      bytes += request.length
      count += 1
    }
    this.bytes -= bytes
    return this.waiting.splice(0, count)
  }
}
