/**
 * I10 of SPEC §19 for keys that many write: what clients saw is linearizable, revisions included, and
 * the revisions of all writes are those of one store (SPEC §7).
 *
 * Notes calls by simulated time; looked at when a run is over, by the judge of the nemesis. A history
 * that is too much work is a finding: nobody has shown that it is right.
 */
import * as Effect from "effect/Effect"
import type { Answer, Call } from "../../../scripts/nemesis/History.ts"
import * as Judge from "../../../scripts/nemesis/Judge.ts"
import { type Asked, Recorder } from "../../../scripts/nemesis/Recorder.ts"
import type { Findings } from "../Findings.ts"

/** Some hundred milliseconds. */
const workMax = 1_000_000

export class Linearizable {
  private readonly recorder: Recorder
  private readonly findings: Findings

  constructor(findings: Findings, now: () => number) {
    this.findings = findings
    this.recorder = new Recorder(undefined, now)
  }

  /** Runs the call and notes it; `undefined` if there was no answer. */
  run(asked: Asked, call: Effect.Effect<Answer, unknown>): Effect.Effect<Answer | undefined> {
    const calling = Effect.mapError(call, (error) => error as { _tag: string; message: string })
    return Effect.map(this.recorder.run(asked, calling), ({ answer }) => answer)
  }

  /** A write of a key that is judged elsewhere: of it only the revision counts here. */
  note(call: Call): void {
    this.recorder.calls.push(call)
  }

  /** `lastRevision`: of the store when all clients were gone. */
  judge(lastRevision: number | undefined): void {
    const { isUndecided, violations } = Judge.judge(this.recorder.calls, lastRevision, { workMax })
    const [first] = violations
    if (first !== undefined) this.findings.violated("linearizable", first)
    if (!isUndecided) return
    this.findings.reach("undecidedHistory")
    this.findings.violated("undecidedHistory", `not decided in ${workMax} steps`)
  }
}
