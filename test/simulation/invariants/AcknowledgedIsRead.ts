/**
 * I10 of SPEC §19: an acknowledged write is read back, and no read is stale.
 *
 * Of keys that one client each writes with growing numbers. A linearizable read that began after a
 * write was acknowledged, or after a number was read, shows it or what came later; never what was
 * refused for good. A write whose outcome nobody knows may take effect at any later time, but once, as
 * every other: what was overwritten by then never comes back. Looked at with each read.
 *
 * Proof: `AcknowledgedIsRead.test.ts`.
 */
import type { Findings } from "../Findings.ts"

type Fate = "open" | "acknowledged" | "failed"

/** Counts what was told of a register: an answer to a read, or that a write is done. */
type Moment = number

interface Register {
  readonly fates: Map<number, Fate>
  readonly invoked: Map<number, Moment>
  readonly seen: Set<number>
  /** What has taken effect by that moment, and is not known to be overwritten. */
  readonly standing: Map<number, Moment>
  /** By that moment it was. */
  readonly overwritten: Map<number, Moment>
  now: Moment
  /** What every later read must show, or something newer. */
  floor: number
}

export interface Reading {
  readonly key: string
  readonly floor: number
  readonly began: Moment
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
    const { fates, invoked, now } = this.register(key)
    const number = fates.size + 1
    fates.set(number, "open")
    invoked.set(number, now)
    return number
  }

  ended(key: string, number: number, fate: Fate): void {
    const register = this.register(key)
    register.fates.set(number, fate)
    this.counts[fate] += 1
    if (fate === "acknowledged") tookEffect(register, number, register.invoked.get(number)!)
    if (fate === "failed" && register.seen.has(number)) this.refusedAndThere(key, number)
  }

  begin(key: string): Reading {
    const { floor, now } = this.register(key)
    return { key, floor, began: now }
  }

  /** 0: there is no such key. */
  end({ began, floor, key }: Reading, number: number, name: string): void {
    const register = this.register(key)
    const fate = register.fates.get(number)
    this.counts.reads += 1
    if (number < floor && fate !== "open") {
      this.findings.violated("I10", `${key}: ${number} read at ${name}, after ${floor}`)
    }
    const overwritten = register.overwritten.get(number)
    if (overwritten !== undefined && overwritten <= began) {
      this.findings.violated("I10", `${key}: ${number} read at ${name}, and overwritten before`)
    }
    if (number === 0) return
    if (fate === undefined) {
      this.findings.violated("I10", `${key}: ${number} read at ${name}, and never written`)
    }
    if (fate === "failed") this.refusedAndThere(key, number)
    register.seen.add(number)
    tookEffect(register, number, began)
  }

  private refusedAndThere(key: string, number: number): void {
    this.findings.violated("I10", `${key}: ${number} was refused, and is there`)
  }

  private register(key: string): Register {
    const known = this.registers.get(key) ?? newRegister()
    this.registers.set(key, known)
    return known
  }
}

const newRegister = (): Register => ({
  fates: new Map(),
  invoked: new Map(),
  seen: new Set(),
  standing: new Map(),
  overwritten: new Map(),
  now: 0,
  floor: 0
})

/**
 * It stood there at some time since `since`: what had taken effect before that is overwritten, since
 * nothing takes effect twice.
 */
function tookEffect(register: Register, number: number, since: Moment): void {
  const { overwritten, standing } = register
  register.now += 1
  for (const [other, moment] of standing) {
    if (other === number || moment > since) continue
    standing.delete(other)
    overwritten.set(other, register.now)
  }
  if (!standing.has(number) && !overwritten.has(number)) standing.set(number, register.now)
  register.floor = Math.max(register.floor, number)
}
