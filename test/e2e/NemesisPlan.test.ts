/** What the nemesis draws from a seed, and what its troubles do to the links between nodes. */
import { describe, expect, it } from "vitest"
import * as ClientLinks from "../../scripts/nemesis/ClientLinks.ts"
import * as CutoverPlan from "../../scripts/nemesis/CutoverPlan.ts"
import * as Failpoint from "../../scripts/nemesis/Failpoint.ts"
import * as Link from "../../scripts/nemesis/Link.ts"
import * as PeerLinks from "../../scripts/nemesis/PeerLinks.ts"
import * as Plan from "../../scripts/nemesis/Plan.ts"

describe("a plan", () => {
  it("is a function of its seed", () => {
    expect(Plan.make(7)).toEqual(Plan.make(7))
    expect(Plan.make(7)).not.toEqual({ ...Plan.make(8), seed: 7 })
    expect(Plan.make(7, 5)).toEqual({ ...Plan.make(7), nodeCount: 5 })
  })

  it("has every kind of fault in as many episodes as there are kinds, half of them of the leader", () => {
    const plans = Plan.kinds.map((_, at) => Plan.make(100 + at))
    const faults = plans.flatMap(({ lanes }) => lanes.flat())
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(Plan.kinds))
    const many = Array.from({ length: 200 }, (_, seed) => Plan.make(seed).lanes.flat()).flat()
    const ofLeader = many.filter(({ isOfLeader }) => isOfLeader).length / many.length
    expect(ofLeader).toBeGreaterThan(0.4)
    expect(ofLeader).toBeLessThan(0.6)
  })
})

describe("a plan of a cutover", () => {
  it("has each step with each fault once in 27 seeds, every one in 9", () => {
    const { cellCount, faults, make } = CutoverPlan
    expect(cellCount).toBe(27)
    const plans = Array.from({ length: cellCount }, (_, at) => make(100 + at))
    expect(new Set(plans.map(({ fault, step }) => `${step} ${fault}`)).size).toBe(cellCount)
    const nine = Array.from({ length: 9 }, (_, at) => make(1 + at))
    expect(new Set(nine.map(({ step }) => step))).toEqual(new Set(Failpoint.steps))
    expect(new Set(nine.map(({ fault }) => fault))).toEqual(new Set(faults))
    expect(make(7)).toEqual(make(7))
  })
})

describe("the links between nodes", () => {
  /** What the proxy of each node was last told, by origin. */
  const three = () => {
    const links = new PeerLinks.PeerLinks()
    const told = new Map<string, Map<string | undefined, Link.Link>>()
    for (const name of ["a", "b", "c"]) {
      const ofNode = new Map<string | undefined, Link.Link>()
      told.set(name, ofNode)
      links.add(name, { set: (link, origin) => void ofNode.set(origin, link) })
    }
    return { links, linkAt: (node: string, origin: string) => told.get(node)?.get(origin) }
  }

  it("lose one way what one node sends, whoever has opened the connection", () => {
    const { linkAt, links } = three()
    links.begin({ pairs: PeerLinks.oneWay(["a"], ["b", "c"]), traffic: Link.drop })
    expect(linkAt("b", "a")).toEqual(Link.joined({ toTarget: Link.drop }))
    expect(linkAt("a", "b")).toEqual(Link.joined({ toClient: Link.drop }))
    expect(linkAt("c", "b")).toEqual(Link.joined())
  })

  it("show the newest of two troubles, and the other one again when that is over", () => {
    const { linkAt, links } = three()
    const older = { pairs: PeerLinks.between(["a"], ["b"]), traffic: Link.hold }
    const newer = { pairs: PeerLinks.between(["a"], ["b", "c"]), traffic: Link.slow(1_000) }
    links.begin(older)
    links.begin(newer)
    expect(linkAt("a", "b")).toEqual(Link.blackHole(Link.slow(1_000)))
    links.end(newer)
    expect(linkAt("a", "b")).toEqual(Link.blackHole(Link.hold))
    expect(linkAt("a", "c")).toEqual(Link.joined())
    links.heal()
    expect(linkAt("b", "a")).toEqual(Link.joined())
  })
})

describe("the links between clients and nodes", () => {
  it("show the newest of two troubles of a node, and nothing once they are healed", () => {
    const links = new ClientLinks.ClientLinks()
    const told = new Map<string, Link.Link>()
    const add = (name: string) => links.add(name, { set: (link) => void told.set(name, link) })
    add("a")
    const older = { nodeNames: ["a", "b"], link: Link.cut }
    const newer = { nodeNames: ["a"], link: Link.blackHole() }
    links.begin(older)
    add("b")
    add("c")
    links.begin(newer)
    const all = () => ["a", "b", "c"].map((name) => told.get(name))
    expect(all()).toEqual([Link.blackHole(), Link.cut, Link.joined()])
    links.end(newer)
    expect(all()).toEqual([Link.cut, Link.cut, Link.joined()])
    links.heal()
    expect(all()).toEqual([Link.joined(), Link.joined(), Link.joined()])
  })

  it("are each thing that can be wrong by some draw, and something by every one", () => {
    const drawn = Array.from({ length: 100 }, (_, at) => ClientLinks.linkOf(at / 100))
    expect(new Set(drawn).size).toBe(7)
    expect(drawn).not.toContain(undefined)
  })
})
