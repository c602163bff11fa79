/**
 * I2 of SPEC §19: two entries of one index and term are the same, and so is what precedes them. Looked
 * at with each write to each log, for which it is enough to compare one entry and the term before it.
 */
import type { Findings } from "../Findings.ts"
import type { Written } from "../SimulatedDisk.ts"

interface Known {
  readonly checksum: number
  readonly previousTerm: number | undefined
  readonly name: string
}

export class LogsMatch {
  private readonly known = new Map<string, Known>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  /** `previous`: the entry before it on the same disk; `undefined` if that is compacted. */
  written(name: string, index: number, entry: Written, previous: Written | undefined): void {
    const position = `${entry.term}/${index}`
    const other = this.known.get(position)
    const previousTerm = previous?.term ?? other?.previousTerm
    this.known.set(position, { checksum: entry.checksum, previousTerm, name })
    if (other === undefined) return
    const isSame =
      other.checksum === entry.checksum &&
      (other.previousTerm === undefined || other.previousTerm === previousTerm)
    if (!isSame) this.findings.violated("I2", `${other.name} and ${name} differ at ${position}`)
  }
}
