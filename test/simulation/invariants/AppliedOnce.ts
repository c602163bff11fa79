/**
 * Exactly once (SPEC §7): a write of a session takes one revision, however often it was asked for.
 * Looked at with each answer to a write and each read.
 */
import type { Findings } from "../Findings.ts"

export class AppliedOnce {
  private readonly revisions = new Map<string, number>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  /** This number of this key was seen to have this revision. */
  seen(key: string, number: number, revision: number): void {
    const write = `${key}: ${number}`
    const known = this.revisions.get(write)
    if (known === undefined) this.revisions.set(write, revision)
    else if (known !== revision) {
      this.findings.violated("once", `${write} has revision ${known} and ${revision}`)
    }
  }
}
