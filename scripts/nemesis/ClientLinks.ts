/**
 * What lies between the clients and each node: one proxy in front of each client endpoint.
 *
 * Knows nothing of who asks: what is wrong with the way to a node is so for all clients. Proof:
 * `test/e2e/NemesisPlan.test.ts`.
 */
import * as Link from "./Link.ts"
import { Links } from "./Links.ts"

export interface Trouble {
  readonly nodeNames: ReadonlyArray<string>
  readonly link: Link.Link
}

/** Mutable. */
export class ClientLinks extends Links<Trouble> {
  protected override tell(): void {
    for (const [nodeName, proxy] of this.proxies) {
      const trouble = this.newest(({ nodeNames }) => nodeNames.includes(nodeName))
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
