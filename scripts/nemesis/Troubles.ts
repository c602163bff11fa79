/**
 * What is wrong at the moment, the newest last: troubles may overlap, and where they do the newest counts.
 *
 * What must never happen: a trouble that stays after its end, or a change that nobody is told of. Proof:
 * `test/e2e/NemesisPlan.test.ts`.
 */

/** Mutable. */
export class Troubles<Trouble> {
  private readonly all: Array<Trouble> = []
  private readonly tell: () => void

  /** `tell` is called after every change. */
  constructor(tell: () => void) {
    this.tell = tell
  }

  begin(trouble: Trouble): void {
    this.all.push(trouble)
    this.tell()
  }

  end(trouble: Trouble): void {
    const at = this.all.indexOf(trouble)
    if (at >= 0) this.all.splice(at, 1)
    this.tell()
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.all.length = 0
    this.tell()
  }

  newest(concerns: (trouble: Trouble) => boolean): Trouble | undefined {
    return this.all.findLast(concerns)
  }
}
