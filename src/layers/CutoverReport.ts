/**
 * What a run of the cutover tells the counters, the log and the status: each step once, with the time
 * since the barrier was closed, and how it ended. Proof: `test/layers/NodeEvents.test.ts`,
 * `test/layers/EncryptionAdmin.test.ts`.
 */
import type * as Machine from "../domain/cutover/CutoverMachine.ts"
import * as CutoverTimings from "../domain/cutover/CutoverTimings.ts"
import type { Term } from "../domain/Ids.ts"
import type { CutoverFailure } from "../services/Cutover.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import type { Telemetry } from "../services/Telemetry.ts"

export class CutoverReport {
  private readonly barrier: QuiescenceBarrier["Service"]
  private readonly telemetry: Telemetry["Service"]
  /** Of the run in hand, else of the last one in this opening. */
  timings: CutoverTimings.CutoverTimings | undefined

  constructor(barrier: QuiescenceBarrier["Service"], telemetry: Telemetry["Service"]) {
    this.barrier = barrier
    this.telemetry = telemetry
  }

  /** To be called before the run has moved at all. */
  began(term: Term, preceding: CutoverTimings.Preceding): void {
    this.timings = CutoverTimings.began(term, preceding)
  }

  /** To be called before the actions of the transition are carried out. */
  moved(from: Machine.CutoverState, to: Machine.CutoverState): void {
    const { barrier, telemetry } = this
    if (from._tag === to._tag) return
    const afterMillis = barrier.closedForMillis() ?? 0
    this.timings = this.timings && CutoverTimings.left(this.timings, from, afterMillis)
    switch (to._tag) {
      case "Draining": {
        const inFlightCount = barrier.state().inflightCount
        return telemetry.report({ _tag: "CutoverStarted", term: to.term, inFlightCount })
      }
      case "Appending":
        return telemetry.report({ _tag: "CutoverDrained", afterMillis })
      case "Appended":
        return telemetry.report({ _tag: "MarkerAppended", index: to.index, afterMillis })
      case "Idle":
        return
    }
  }

  /** To be called in the turn that opens the barrier, before it does. */
  ended({ _tag: end }: Machine.CutoverEnd): void {
    const { barrier, telemetry } = this
    const barrierClosedMillis = barrier.closedForMillis() ?? 0
    telemetry.counters.cutovers[end] += 1
    this.timings = this.timings && CutoverTimings.ended(this.timings, end, barrierClosedMillis)
    for (const step of CutoverTimings.steps) {
      const millis = this.timings?.stepMillis[step] ?? 0
      telemetry.counters.cutoverStepSeconds[step] += millis / 1_000
    }
    telemetry.counters.barrierClosedSeconds += barrierClosedMillis / 1_000
    telemetry.report({ _tag: "CutoverEnded", end, barrierClosedMillis })
  }

  /** Of a leader that is not ready yet the caller tries again, many times: no line for that. */
  refused({ _tag: error, message: reason }: CutoverFailure): void {
    if (error === "LeaderNotReady" || error === "NotLeader") return
    this.telemetry.report({ _tag: "CutoverRefused", error, reason })
  }
}
