/**
 * I4 of SPEC §19: what is committed, and so whatever is acknowledged, is durable on a quorum at that
 * moment. Looked at when a leader's commit index goes up, and when a client gets its answer.
 */
import type { Membership } from "../../../src/domain/raft/Membership.ts"
import type { Findings } from "../Findings.ts"

export interface Claim {
  readonly name: string
  readonly index: number
  readonly term: number
  readonly membership: Membership
  /** By member id: does the disk of this member hold it? */
  readonly holds: (member: number) => boolean
}

export class DurableOnQuorum {
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  committed({ holds, index, membership, name, term }: Claim): void {
    for (const half of [membership.voters, membership.votersOutgoing]) {
      const holders = half.filter(holds)
      if (half.length === 0 || holders.length > half.length / 2) continue
      const text = `${name} took ${term}/${index} for committed, durable on ${holders.length}`
      this.findings.violated("I4", `${text} of ${half.length}`)
    }
  }
}
