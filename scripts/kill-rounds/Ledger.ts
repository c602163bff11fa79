/**
 * What clients were told, and what may therefore be read: the judge of the kill rounds.
 *
 * A key has one settled value, which was acknowledged or has been read since; besides it at most one
 * write without an answer, which may be applied or not. What must never happen here: a write taken for
 * acknowledged before its answer came, a read that widens what may be read later.
 * Proof: `test/e2e/DurabilityLedger.test.ts`.
 */

/** `undefined`: there is no such key. */
export type Value = string | undefined

export type Verdict = "right" | "lost" | "wrong"

interface History {
  settled: Value
  /** Acknowledged before the settled one. */
  readonly earlier: Set<Value>
  /** The write whose answer never came. */
  open: { readonly value: Value } | undefined
}

export class Ledger {
  private readonly histories = new Map<string, History>()
  acknowledged = 0
  open = 0
  refused = 0
  /** Open writes that were found applied, and those that were not. */
  openFoundNew = 0
  openFoundOld = 0

  get keys(): ReadonlyArray<string> {
    return [...this.histories.keys()]
  }

  /** What may be read of this key, in words. */
  mayBe(key: string): string {
    const { open, settled } = this.historyOf(key)
    const values = open === undefined ? [settled] : [settled, open.value]
    return values.map((value) => value ?? "missing").join(" or ")
  }

  acknowledge(key: string, value: Value): void {
    this.settle(this.historyOf(key), value)
    this.acknowledged += 1
  }

  /** The answer says that nothing happened: what was to be written may never be read. */
  refuse(key: string): void {
    this.historyOf(key)
    this.refused += 1
  }

  /** No answer, or one that leaves it open. */
  leaveOpen(key: string, value: Value): void {
    const history = this.historyOf(key)
    if (history.open !== undefined) throw new Error(`two writes are open for ${key}`)
    history.open = { value }
    this.open += 1
  }

  /** Whether this may be read now; from then on it is the value of that key. */
  judge(key: string, found: Value): Verdict {
    const history = this.historyOf(key)
    const { earlier, open, settled } = history
    history.open = undefined
    if (found === settled) {
      if (open !== undefined) this.openFoundOld += 1
      return "right"
    }
    this.settle(history, found)
    if (open !== undefined && found === open.value) {
      this.openFoundNew += 1
      return "right"
    }
    return found === undefined || earlier.has(found) ? "lost" : "wrong"
  }

  private settle(history: History, value: Value): void {
    history.earlier.add(history.settled)
    history.settled = value
  }

  private historyOf(key: string): History {
    const known = this.histories.get(key)
    if (known !== undefined) return known
    const created: History = { settled: undefined, earlier: new Set(), open: undefined }
    this.histories.set(key, created)
    return created
  }
}
