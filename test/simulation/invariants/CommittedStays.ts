/**
 * I3 of SPEC §19: what is committed never changes, and no disk that had it loses it, also over crashes.
 *
 * Remembers every committed entry that a leader's core or a durable hard state has named. Looked at
 * when a leader commits, and with each write to each log.
 */
import type { Findings } from "../Findings.ts"
import type { Written } from "../SimulatedDisk.ts"

export class CommittedStays {
  private readonly committed = new Map<number, Written & { readonly name: string }>()
  private readonly findings: Findings
  /** The highest index that anybody has taken for committed. */
  through = 0

  constructor(findings: Findings) {
    this.findings = findings
  }

  at(index: number): Written | undefined {
    return this.committed.get(index)
  }

  /** A node takes it for committed. */
  claimed(name: string, index: number, entry: Written): void {
    const known = this.committed.get(index)
    if (known === undefined) {
      this.committed.set(index, { ...entry, name })
      this.through = Math.max(this.through, index)
      return
    }
    if (known.term === entry.term && known.checksum === entry.checksum) return
    const text = `${index} is committed in term ${known.term} at ${known.name}`
    this.findings.violated("I3", `${text}, and in term ${entry.term} at ${name}`)
  }

  /** A disk that held it holds it no more; `beginsAfter`: through here it is in the state instead. */
  lost(name: string, index: number, entry: Written, beginsAfter: number): void {
    const known = this.committed.get(index)
    if (known?.term !== entry.term || index <= beginsAfter) return
    this.findings.violated("I3", `${name} has lost ${index}, which was committed`)
  }
}
