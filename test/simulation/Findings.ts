/**
 * What a run has found: the first violation, after which nothing is worth looking at, and how often each
 * fault and each state was reached.
 */
/** Tells that a fault really does something, at the moment when it does. */
export type Struck = () => void

export class Findings {
  violation: string | undefined = undefined
  readonly reached = new Map<string, number>()
  private readonly onViolation: () => void

  constructor(onViolation: () => void) {
    this.onViolation = onViolation
  }

  violated(invariant: string, text: string): void {
    if (this.violation !== undefined) return
    this.violation = `${invariant}: ${text}`
    this.onViolation()
  }

  /** True if it held. */
  expect(holds: boolean, invariant: string, text: () => string): boolean {
    if (!holds) this.violated(invariant, text())
    return holds
  }

  reach(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1)
  }
}
