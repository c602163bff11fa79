/**
 * What lies between the nodes: for each ordered pair, what becomes of bytes that one sends the other.
 *
 * Proof: `test/e2e/NemesisPlan.test.ts`.
 */
import type { Traffic } from "./Flow.ts"
import * as Link from "./Link.ts"
import { Links } from "./Links.ts"

/** From one node to another. */
export type Pair = readonly [from: string, to: string]

export interface Trouble {
  readonly pairs: ReadonlyArray<Pair>
  readonly traffic: Traffic
}

/** Mutable. */
export class PeerLinks extends Links<Trouble> {
  protected override tell(): void {
    for (const [target, proxy] of this.proxies) {
      for (const origin of this.proxies.keys()) {
        if (origin === target) continue
        const toTarget = this.traffic(origin, target)
        proxy.set(Link.joined({ toTarget, toClient: this.traffic(target, origin) }), origin)
      }
    }
  }

  private traffic(from: string, to: string): Traffic {
    const isOfPair = ([a, b]: Pair) => a === from && b === to
    return this.newest(({ pairs }) => pairs.some(isOfPair))?.traffic ?? Link.pass
  }
}

/** Both ways between one part and the other. */
export const between = (
  part: ReadonlyArray<string>,
  other: ReadonlyArray<string>
): ReadonlyArray<Pair> =>
  part.flatMap((a) =>
    other.flatMap(
      (b): Array<Pair> => [
        [a, b],
        [b, a]
      ]
    )
  )

/** From one part to the other, and not back. */
export const oneWay = (
  part: ReadonlyArray<string>,
  other: ReadonlyArray<string>
): ReadonlyArray<Pair> => part.flatMap((a) => other.map((b): Pair => [a, b]))
