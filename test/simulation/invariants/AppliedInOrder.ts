/**
 * I5 of SPEC §19: what is applied is committed, in order, and each opening goes on where its state
 * stands. Looked at with each commit of each state; that nothing is applied twice or left out shows in
 * the state (I6), and in the revisions of the writes (`AppliedOnce`).
 */
import type { Findings } from "../Findings.ts"
import type { CommittedStays } from "./CommittedStays.ts"

export class AppliedInOrder {
  private readonly applied = new Map<string, number>()
  private readonly findings: Findings
  private readonly committed: CommittedStays

  constructor(findings: Findings, committed: CommittedStays) {
    this.findings = findings
    this.committed = committed
  }

  /** A commit of the state of this node says so. */
  appliedThrough(name: string, index: number, term: number): void {
    const before = this.applied.get(name) ?? 0
    this.applied.set(name, index)
    const { findings, committed } = this
    const goesOn = `${name} has applied ${index} after ${before}`
    if (!findings.expect(index >= before, "I5", () => goesOn)) return
    const isCommitted = index <= committed.through
    const early = `${name} has applied ${index}; committed is ${committed.through}`
    if (!findings.expect(isCommitted, "I5", () => early)) return
    const known = committed.at(index)
    const other = `${name} has applied ${term}/${index}; committed is ${known?.term}/${index}`
    findings.expect(known === undefined || known.term === term, "I5", () => other)
  }

  /** Another state counts: of a snapshot, or what a crash has left. */
  begins(name: string, index: number): void {
    this.applied.set(name, index)
  }
}
