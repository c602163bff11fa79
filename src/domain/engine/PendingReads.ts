/**
 * The linearizable reads that wait at this member (SPEC §9): first for a leader to say from which index
 * on they may be served, then until this member has applied that index.
 *
 * All reads of one round share one request. What must never happen: a read served at an index that no
 * leader has confirmed after it was asked; a read that waits for good, because a request or its answer
 * may be lost. So one that is not confirmed in time is told to ask again, and so is each when the leader
 * changes: the answer of another leader never comes. Proof: `test/domain/engine/PendingReads.test.ts`.
 */
import * as Result from "effect/Result"
import type { LogIndex } from "../Ids.ts"
import { type LeaderNotReady, NodeStopped, NotLeader, TooManyProposals } from "./Errors.ts"

export type ReadFailure = NotLeader | LeaderNotReady | TooManyProposals | NodeStopped

/** Told once, in the driver's fibre: must be quick and must not throw. */
export type ReadAnswer = (answer: Result.Result<LogIndex, ReadFailure>) => void

interface Batch {
  readonly answers: ReadonlyArray<ReadAnswer>
  /** The tick at which it is given up. */
  readonly until: number
}

interface Confirmed extends Batch {
  readonly index: LogIndex
}

export interface PendingReadsOptions {
  /** Random: a late answer to a request of another opening is not one to a request of this. */
  readonly firstRequestId: bigint
  readonly countMax: number
  /** How long a read waits to be confirmed; then it is to be asked again. */
  readonly confirmTicksMax: number
  /** How long a confirmed one waits to be applied; longer than anybody waits for it. */
  readonly applyTicksMax: number
}

/** Mutable: one per engine, driven by its single fibre. */
export class PendingReads {
  private readonly options: PendingReadsOptions
  private nextRequestId: bigint
  private now = 0
  private pendingCount = 0
  private asked: Array<ReadAnswer> = []
  private readonly unconfirmed = new Map<bigint, Batch>()
  private confirmedReads: Array<Confirmed> = []

  constructor(options: PendingReadsOptions) {
    this.options = options
    this.nextRequestId = BigInt.asUintN(64, options.firstRequestId)
  }

  get count(): number {
    return this.pendingCount
  }

  /** Does any read wait to be asked of a leader? */
  get isAsked(): boolean {
    return this.asked.length > 0
  }

  ask(answer: ReadAnswer): void {
    const { countMax } = this.options
    if (this.pendingCount >= countMax) {
      const pending = { pendingCount: this.pendingCount, pendingBytes: 0 }
      return answer(Result.fail(new TooManyProposals(pending)))
    }
    this.pendingCount += 1
    this.asked.push(answer)
  }

  /** Names the request that all reads asked so far are to share; `isSent` says whether it was. */
  request(isSent: (requestId: bigint) => boolean): void {
    const requestId = this.nextRequestId
    if (!isSent(requestId)) return this.refuse(new NotLeader({ leader: undefined }))
    this.nextRequestId = BigInt.asUintN(64, requestId + 1n)
    const until = this.now + this.options.confirmTicksMax
    this.unconfirmed.set(requestId, { answers: this.asked, until })
    this.asked = []
  }

  /** The reads asked so far are not asked of anybody. */
  refuse(reason: ReadFailure): void {
    const answers = this.asked
    this.asked = []
    this.fail(answers, reason)
  }

  /** A leader has answered a request: its reads are served once `index` is applied here. */
  confirmed(requestId: bigint, index: LogIndex): void {
    const batch = this.unconfirmed.get(requestId)
    if (batch === undefined) return
    this.unconfirmed.delete(requestId)
    const until = this.now + this.options.applyTicksMax
    this.confirmedReads.push({ index, answers: batch.answers, until })
  }

  /** Everything up to `applied` is applied here. */
  applied(applied: LogIndex): void {
    if (!this.confirmedReads.some(({ index }) => index <= applied)) return
    const released = this.confirmedReads.filter(({ index }) => index <= applied)
    this.confirmedReads = this.confirmedReads.filter(({ index }) => index > applied)
    for (const { answers, index } of released) this.settle(answers, Result.succeed(index))
  }

  /** The leader is another one, or none: nobody answers the requests. A confirmed read stays good. */
  leaderChanged(): void {
    const batches = [...this.unconfirmed.values()]
    this.unconfirmed.clear()
    for (const { answers } of batches) this.fail(answers, new NotLeader({ leader: undefined }))
  }

  tick(): void {
    this.now += 1
    const isOver = ({ until }: Batch) => until <= this.now
    for (const [requestId, batch] of this.unconfirmed) {
      if (!isOver(batch)) break
      this.unconfirmed.delete(requestId)
      this.fail(batch.answers, new NotLeader({ leader: undefined }))
    }
    if (!this.confirmedReads.some(isOver)) return
    const over = this.confirmedReads.filter(isOver)
    this.confirmedReads = this.confirmedReads.filter((batch) => !isOver(batch))
    for (const { answers } of over) this.fail(answers, new NotLeader({ leader: undefined }))
  }

  stopped(reason: string): void {
    const waiting = [...this.unconfirmed.values(), ...this.confirmedReads]
    this.unconfirmed.clear()
    this.confirmedReads = []
    const failure = new NodeStopped({ reason })
    for (const { answers } of waiting) this.fail(answers, failure)
    this.refuse(failure)
  }

  private fail(answers: ReadonlyArray<ReadAnswer>, reason: ReadFailure): void {
    this.settle(answers, Result.fail(reason))
  }

  private settle(
    answers: ReadonlyArray<ReadAnswer>,
    answer: Result.Result<LogIndex, ReadFailure>
  ): void {
    this.pendingCount -= answers.length
    for (const tell of answers) tell(answer)
  }
}
