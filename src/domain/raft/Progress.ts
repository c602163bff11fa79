/**
 * What a leader knows about one member's log, and how fast it may feed it.
 *
 * What must never happen: `match` above what the member has vouched for, because commitment counts
 * it; or appends to a member that was asked to take a snapshot. Proof: `Progress.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { type InflightLimits, Inflights } from "./Inflights.ts"
import * as Position from "./Position.ts"

/** The end of the member's log is not known: one append at a time, until it answers. */
export interface Probe {
  readonly _tag: "Probe"
  isPaused: boolean
}

/** The member follows: appends are sent ahead of its answers, as far as the window allows. */
export interface Replicate {
  readonly _tag: "Replicate"
  readonly inflights: Inflights
  /** The window is full; one empty append after each heartbeat's answer still goes out. */
  isPaused: boolean
}

/** The member needs entries that are gone: nothing is sent until it took the snapshot, or failed. */
export interface AwaitSnapshot {
  readonly _tag: "Snapshot"
  readonly pendingIndex: LogIndex
}

export type Flow = Probe | Replicate | AwaitSnapshot

/** **Invariants** 1. `match < next`. 2. The entries in `(match, next)` are on the way. */
export class Progress {
  /** The member's log is known to equal the leader's up to here. Never decreases in one leadership. */
  match: LogIndex
  /** The first entry to send next. */
  next: LogIndex
  /** Has it answered since the leader last checked its quorum? Always true of the leader itself. */
  isRecentlyActive: boolean
  private currentFlow: Flow = { _tag: "Probe", isPaused: false }
  /** The highest commit index on its way to the member; may go down when messages seem lost. */
  private commitSent: LogIndex = Position.noIndex
  private readonly limits: InflightLimits

  constructor(start: {
    readonly match: LogIndex
    readonly next: LogIndex
    readonly isRecentlyActive: boolean
    readonly limits: InflightLimits
  }) {
    this.match = start.match
    this.next = start.next
    this.isRecentlyActive = start.isRecentlyActive
    this.limits = start.limits
  }

  get flow(): Flow {
    return this.currentFlow
  }

  /** May no append with entries be sent now? */
  get isPaused(): boolean {
    return this.currentFlow._tag === "Snapshot" || this.currentFlow.isPaused
  }

  /** After a snapshot was delivered the probe starts behind it, even before the member says so. */
  becomeProbe(): void {
    const { currentFlow } = this
    const matched = Position.after(this.match)
    this.next =
      currentFlow._tag === "Snapshot"
        ? Position.larger(matched, Position.after(currentFlow.pendingIndex))
        : matched
    this.currentFlow = { _tag: "Probe", isPaused: false }
    this.lowerCommitSent()
  }

  becomeReplicate(): void {
    this.currentFlow = {
      _tag: "Replicate",
      inflights: new Inflights(this.limits),
      isPaused: false
    }
    this.next = Position.after(this.match)
  }

  becomeSnapshot(index: LogIndex): void {
    this.currentFlow = { _tag: "Snapshot", pendingIndex: index }
    this.next = Position.after(index)
    this.commitSent = index
  }

  /** The snapshot arrived or did not; either way the next append waits for a sign of life. */
  snapshotReported(isDelivered: boolean): void {
    invariant(this.currentFlow._tag === "Snapshot", "a report is about a snapshot being sent")
    if (!isDelivered) this.currentFlow = { _tag: "Probe", isPaused: false }
    this.becomeProbe()
    this.pause()
  }

  /** An append with this many entries has been handed out. */
  appendSent(sent: { readonly count: number; readonly bytes: number }): void {
    const { currentFlow } = this
    invariant(currentFlow._tag !== "Snapshot", "no append is sent while a snapshot is awaited")
    if (currentFlow._tag === "Probe") {
      if (sent.count > 0) currentFlow.isPaused = true
      return
    }
    if (sent.count > 0) {
      this.next = Position.plus(this.next, sent.count)
      currentFlow.inflights.add(Position.before(this.next), sent.bytes)
    }
    currentFlow.isPaused = currentFlow.inflights.isFull
  }

  /** Would the member learn something from this commit index that is not on its way already? */
  canLearnCommit(commit: LogIndex): boolean {
    return commit > this.commitSent && this.commitSent < Position.before(this.next)
  }

  commitIndexSent(commit: LogIndex): void {
    this.commitSent = commit
  }

  /** The member vouched for `index`. False if that is no news. */
  matched(index: LogIndex): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Position.larger(this.next, Position.after(index))
    this.resume()
    return true
  }

  /**
   * The member refused the append after `rejected`, and may agree at `hint`. False if the refusal is
   * stale: of an append since acknowledged, or not of the last probe.
   */
  rejected(rejected: LogIndex, hint: LogIndex): boolean {
    const matched = Position.after(this.match)
    if (this.currentFlow._tag === "Replicate") {
      if (rejected <= this.match) return false
      this.next = matched
      this.lowerCommitSent()
      return true
    }
    if (Position.before(this.next) !== rejected) return false
    this.next = Position.larger(Position.smaller(rejected, Position.after(hint)), matched)
    this.lowerCommitSent()
    this.resume()
    return true
  }

  /** The member is alive: it may be sent another append. */
  resume(): void {
    if (this.currentFlow._tag !== "Snapshot") this.currentFlow.isPaused = false
  }

  private pause(): void {
    if (this.currentFlow._tag !== "Snapshot") this.currentFlow.isPaused = true
  }

  private lowerCommitSent(): void {
    this.commitSent = Position.smaller(this.commitSent, Position.before(this.next))
  }
}
