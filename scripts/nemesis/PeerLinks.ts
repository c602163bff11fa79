/**
 * What lies between the nodes: for each ordered pair, what becomes of bytes that one sends the other.
 *
 * What must never happen: a node whose proxy is not told. Proof: `test/e2e/NemesisPlan.test.ts`.
 */
import type { Traffic } from "./Flow.ts"
import * as Link from "./Link.ts"
import type { Proxy } from "./Proxy.ts"
import { Troubles } from "./Troubles.ts"

/** From one node to another. */
export type Pair = readonly [from: string, to: string]

export interface Trouble {
  readonly pairs: ReadonlyArray<Pair>
  readonly traffic: Traffic
}

/** Mutable. */
export class PeerLinks {
  private readonly proxies = new Map<string, Pick<Proxy, "set">>()
  private readonly troubles = new Troubles<Trouble>(() => this.tell())

  /** `proxy` is in front of the peer address of this node. */
  add(nodeName: string, proxy: Pick<Proxy, "set">): void {
    this.proxies.set(nodeName, proxy)
    this.tell()
  }

  begin(trouble: Trouble): void {
    this.troubles.begin(trouble)
  }

  end(trouble: Trouble): void {
    this.troubles.end(trouble)
  }

  /** Everything passes again. */
  heal(): void {
    this.troubles.heal()
  }

  private tell(): void {
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
    return this.troubles.newest(({ pairs }) => pairs.some(isOfPair))?.traffic ?? Link.pass
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
