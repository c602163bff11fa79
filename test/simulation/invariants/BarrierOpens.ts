/**
 * I11 of SPEC §19: a barrier that is closed has a run that will open it; and once the cluster can make
 * progress again, it is open again in bounded time. Looked at after each turn of each node, and in the
 * end of each run by `Simulation.ts`.
 */
import type { Findings } from "../Findings.ts"

/** The drain may take half a second; then a marker must be committed, or its term left. */
export const closedMillisMax = 3_000

export interface Barrier {
  readonly isClosed: boolean
  /** Is a cutover in hand on this node? */
  readonly isRunning: boolean
}

export class BarrierOpens {
  private readonly closedSince = new Map<string, number>()
  private readonly findings: Findings
  private readonly now: () => number
  private worksSince: number | undefined = undefined

  constructor(findings: Findings, now: () => number) {
    this.findings = findings
    this.now = now
  }

  /** From here on the cluster can make progress. */
  works(): void {
    this.worksSince ??= this.now()
  }

  /** Its barrier is gone with it. */
  stopped(name: string): void {
    this.closedSince.delete(name)
  }

  turned(name: string, { isClosed, isRunning }: Barrier): void {
    if (!isClosed) {
      if (this.closedSince.size > 0) this.closedSince.delete(name)
      return
    }
    if (!isRunning) this.findings.violated("I11", `${name} holds a barrier that nobody will open`)
    const since = this.closedSince.get(name) ?? this.now()
    this.closedSince.set(name, since)
    if (this.worksSince === undefined) return
    const millis = this.now() - Math.max(since, this.worksSince)
    if (millis <= closedMillisMax) return
    this.findings.violated("I11", `the barrier of ${name} is closed for ${Math.round(millis)} ms`)
  }
}
