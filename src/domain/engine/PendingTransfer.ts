/**
 * The wait of whoever asked this leader to hand over the leadership (SPEC §15): at most one at a time.
 *
 * It is over when the new leader is known, or an election time-out has passed: then the leader goes on
 * as before. What must never happen: a success told for another member than the one asked for.
 * Proof: `test/domain/engine/PendingTransfer.test.ts`.
 */
import * as Result from "effect/Result"
import type { MemberId } from "../Ids.ts"
import { NodeStopped, TransferFailed } from "./Errors.ts"

export type TransferAnswer = (answer: Result.Result<void, TransferFailed | NodeStopped>) => void

interface Pending {
  readonly to: MemberId
  readonly answer: TransferAnswer
  ticksLeft: number
}

/** Mutable: one per engine, driven by its single fibre. */
export class PendingTransfer {
  private pending: Pending | undefined = undefined

  get isPending(): boolean {
    return this.pending !== undefined
  }

  begin(
    to: MemberId,
    options: { readonly ticksMax: number; readonly answer: TransferAnswer }
  ): void {
    this.pending = { to, answer: options.answer, ticksLeft: options.ticksMax }
  }

  /** Another member than this one, or nobody, is known to lead now. */
  leaderIs(leader: MemberId | undefined): void {
    const { pending } = this
    if (pending === undefined || leader === undefined) return
    if (leader === pending.to) this.end(Result.void)
    else this.fail(pending, "anotherLeads")
  }

  tick(): void {
    const { pending } = this
    if (pending === undefined) return
    pending.ticksLeft -= 1
    if (pending.ticksLeft <= 0) this.fail(pending, "timedOut")
  }

  stopped(reason: string): void {
    this.end(Result.fail(new NodeStopped({ reason })))
  }

  private fail({ to }: Pending, reason: TransferFailed["reason"]): void {
    this.end(Result.fail(new TransferFailed({ to, reason })))
  }

  private end(answer: Parameters<TransferAnswer>[0]): void {
    const { pending } = this
    this.pending = undefined
    pending?.answer(answer)
  }
}
