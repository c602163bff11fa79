/**
 * I10 of SPEC §19: an acknowledged write is read back, and no read is stale.
 *
 * Of keys that one client each writes with growing numbers. A linearizable read that began after a
 * write was acknowledged, or after a number was read, shows it or what came later; never what was
 * refused for good. A write whose outcome nobody knows may take effect at any later time, so it may be
 * read once whenever it likes. Looked at with each read.
 */
import type { Findings } from "../Findings.ts"

type Fate = "open" | "acknowledged" | "failed"

interface Register {
  readonly fates: Map<number, Fate>
  readonly seen: Set<number>
  /** What every later read must show, or something newer. */
  floor: number
}

export interface Reading {
  readonly key: string
  readonly floor: number
}

export class AcknowledgedIsRead {
  readonly counts = { acknowledged: 0, failed: 0, open: 0, reads: 0 }
  private readonly registers = new Map<string, Register>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  get keys(): ReadonlyArray<string> {
    return [...this.registers.keys()]
  }

  next(key: string): number {
    const { fates } = this.register(key)
    fates.set(fates.size + 1, "open")
    return fates.size
  }

  ended(key: string, number: number, fate: Fate): void {
    const register = this.register(key)
    register.fates.set(number, fate)
    this.counts[fate] += 1
    if (fate === "acknowledged") register.floor = Math.max(register.floor, number)
    if (fate === "failed" && register.seen.has(number)) this.refusedAndThere(key, number)
  }

  begin(key: string): Reading {
    return { key, floor: this.register(key).floor }
  }

  /** 0: there is no such key. */
  end({ floor, key }: Reading, number: number, name: string): void {
    const register = this.register(key)
    const fate = register.fates.get(number)
    this.counts.reads += 1
    if (number < floor && fate !== "open") {
      this.findings.violated("I10", `${key}: ${number} read at ${name}, after ${floor}`)
    }
    if (number === 0) return
    if (fate === undefined) {
      this.findings.violated("I10", `${key}: ${number} read at ${name}, and never written`)
    }
    if (fate === "failed") this.refusedAndThere(key, number)
    register.seen.add(number)
    register.floor = Math.max(register.floor, number)
  }

  private refusedAndThere(key: string, number: number): void {
    this.findings.violated("I10", `${key}: ${number} was refused, and is there`)
  }

  private register(key: string): Register {
    const known = this.registers.get(key) ?? { fates: new Map(), seen: new Set(), floor: 0 }
    this.registers.set(key, known)
    return known
  }
}
