/**
 * What lies between the clients and each node: one proxy in front of each client endpoint.
 *
 * Knows nothing of who asks: what is wrong with the way to a node is so for all clients. What must never
 * happen: a node whose proxy is not told. Proof: `test/e2e/NemesisPlan.test.ts`.
 */
import * as Link from "./Link.ts"
import type { Proxy } from "./Proxy.ts"
import { Troubles } from "./Troubles.ts"

export interface Trouble {
  readonly nodeNames: ReadonlyArray<string>
  readonly link: Link.Link
}

/** Mutable. */
export class ClientLinks {
  private readonly proxies = new Map<string, Pick<Proxy, "set">>()
  private readonly troubles = new Troubles<Trouble>(() => this.tell())

  /** `proxy` is in front of the client endpoint of this node. */
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

  heal(): void {
    this.troubles.heal()
  }

  private tell(): void {
    for (const [nodeName, proxy] of this.proxies) {
      const trouble = this.troubles.newest(({ nodeNames }) => nodeNames.includes(nodeName))
      proxy.set(trouble?.link ?? Link.joined())
    }
  }
}

/** What a draw in [0, 1) makes of the way between clients and nodes. */
export const linkOf = (draw: number): Link.Link => links[Math.floor(draw * links.length)]!

/** Answers that get lost are of requests that were done. */
const links: ReadonlyArray<Link.Link> = [
  Link.cut,
  Link.blackHole(Link.hold),
  Link.blackHole(Link.drop),
  Link.joined({ toClient: Link.drop }),
  Link.joined({ toClient: Link.hold }),
  Link.joined({ toTarget: Link.delay(5, 200), toClient: Link.delay(5, 200) }),
  Link.joined({ toTarget: Link.slow(2_000), toClient: Link.slow(2_000) })
]
