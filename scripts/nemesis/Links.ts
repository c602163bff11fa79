/**
 * Proxies in front of nodes and what is wrong with them at the moment: troubles may overlap, and where they
 * do the newest counts.
 *
 * What must never happen: a trouble that stays after its end, a node whose proxy is not told. Proof:
 * `test/e2e/NemesisPlan.test.ts`.
 */
import type { Proxy } from "./Proxy.ts"

/** Mutable. */
export abstract class Links<Trouble> {
  protected readonly proxies = new Map<string, Pick<Proxy, "set">>()
  private readonly troubles: Array<Trouble> = []

  /** `proxy` is in front of this node. */
  add(nodeName: string, proxy: Pick<Proxy, "set">): void {
    this.proxies.set(nodeName, proxy)
    this.tell()
  }

  begin(trouble: Trouble): void {
    this.troubles.push(trouble)
    this.tell()
  }

  end(trouble: Trouble): void {
    const at = this.troubles.indexOf(trouble)
    if (at >= 0) this.troubles.splice(at, 1)
    this.tell()
  }

  /** Everything passes again. */
  heal(): void {
    this.troubles.length = 0
    this.tell()
  }

  protected newest(concerns: (trouble: Trouble) => boolean): Trouble | undefined {
    return this.troubles.findLast(concerns)
  }

  /** Every proxy, after every change. */
  protected abstract tell(): void
}
