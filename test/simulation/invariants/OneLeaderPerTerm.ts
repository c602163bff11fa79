/** I1 of SPEC §19: a term has at most one leader. Looked at after each turn of each node. */
import type { Findings } from "../Findings.ts"

export class OneLeaderPerTerm {
  private readonly leaders = new Map<number, string>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  leads(name: string, term: number): void {
    const known = this.leaders.get(term)
    if (known === name) return
    if (known === undefined) this.leaders.set(term, name)
    else this.findings.violated("I1", `${known} and ${name} both lead term ${term}`)
  }

  of(term: number): string | undefined {
    return this.leaders.get(term)
  }

  get count(): number {
    return this.leaders.size
  }
}
