/**
 * What clients have seen of keys that one client each writes with growing numbers, and what they must
 * never see (SPEC §19: I4, I10).
 *
 * Three rules, each for linearizable reads on whatever node: none is older than what was acknowledged,
 * or read, before it began; none shows a write that was said not to have happened; what was acknowledged
 * is there in the end. Knows nothing of the cluster.
 */
export class HistoryViolated extends Error {
  override readonly name = "HistoryViolated"
}

type Fate = "open" | "acknowledged" | "failed"

interface Register {
  readonly fates: Map<number, Fate>
  readonly seen: Set<number>
  /** The newest number that every later read must show, or a newer one. */
  floor: number
}

/** A read that has begun. */
export interface Reading {
  readonly key: string
  readonly floor: number
}

export class RegisterHistory {
  private readonly registers = new Map<string, Register>()
  readonly counts = { acknowledged: 0, failed: 0, open: 0, reads: 0 }

  get keys(): ReadonlyArray<string> {
    return [...this.registers.keys()]
  }

  /** The number to write next; open until its fate is told. */
  next(key: string): number {
    const { fates } = this.register(key)
    const number = fates.size + 1
    fates.set(number, "open")
    return number
  }

  acknowledged(key: string, number: number): void {
    const register = this.register(key)
    register.fates.set(number, "acknowledged")
    register.floor = Math.max(register.floor, number)
    this.counts.acknowledged += 1
  }

  /** Its writer was told that it is not applied and never will be. */
  failed(key: string, number: number): void {
    const register = this.register(key)
    register.fates.set(number, "failed")
    this.counts.failed += 1
    if (register.seen.has(number)) this.violated(`${key}: ${number} was refused, and is there`)
  }

  /** Its writer does not know; it may be applied later. */
  leftOpen(): void {
    this.counts.open += 1
  }

  begin(key: string): Reading {
    return { key, floor: this.register(key).floor }
  }

  /** 0 for a key that is not there. */
  end({ floor, key }: Reading, number: number, where: string): void {
    const register = this.register(key)
    this.counts.reads += 1
    if (number < floor) this.violated(`${key}: ${number} read at ${where}, after ${floor}`)
    if (number === 0) return
    const fate = register.fates.get(number)
    if (fate === undefined) this.violated(`${key}: ${number} was never written`)
    if (fate === "failed") this.violated(`${key}: ${number} read at ${where}, and was refused`)
    register.seen.add(number)
    register.floor = Math.max(register.floor, number)
  }

  private violated(message: string): never {
    throw new HistoryViolated(message)
  }

  private register(key: string): Register {
    const known = this.registers.get(key) ?? { fates: new Map(), seen: new Set(), floor: 0 }
    this.registers.set(key, known)
    return known
  }
}
