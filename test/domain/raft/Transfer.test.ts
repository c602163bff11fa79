/** Handing the leadership over (Raft thesis §3.10). */
import { describe, expect, it } from "vitest"
import { cluster, draft, member, Node, only, settle } from "./support/Fixture.ts"

const ledCluster = (options = {}) => {
  const nodes = cluster(3, options)
  nodes[0]!.raft.campaign()
  settle(nodes)
  return nodes as [Node, Node, Node]
}

describe("transferLeadership", () => {
  it.each([{}, { checkQuorum: true, preVote: true }])(
    "reaches a voter at once, with %o",
    (options) => {
      const nodes = ledCluster(options)
      nodes[0].raft.transferLeadership(member(2))
      settle(nodes)
      expect(nodes.map(({ status }) => [status.role, status.leader, status.term])).toEqual([
        ["Follower", 2, 2],
        ["Leader", 2, 2],
        ["Follower", 2, 2]
      ])
    }
  )

  it("may be asked of any member", () => {
    const nodes = ledCluster()
    nodes[2].raft.transferLeadership(member(2))
    settle(nodes)
    expect(nodes[1].status.role).toBe("Leader")
  })

  it("first brings a slow voter up to date", () => {
    const nodes = ledCluster()
    const [leader, slow] = nodes
    leader.propose("a")
    leader.acknowledge(3, 2)
    leader.raft.transferLeadership(member(2))
    expect(only("TimeoutNow", leader.work())).toEqual([])
    expect(only("TimeoutNow", leader.acknowledge(2, 2))).toMatchObject([{ to: slow.id }])
  })

  it("ends after an election time-out, and the leader goes on", () => {
    const node = new Node().lead()
    node.raft.transferLeadership(member(2))
    expect(node.status.transferee).toBe(2)
    node.tick(9)
    expect(node.raft.propose([draft("a")])._tag).toBe("TransferInProgress")
    node.tick()
    expect(node.status.transferee).toBeUndefined()
    expect(node.raft.propose([draft("a")])._tag).toBe("Appended")
  })

  it("is replaced by a later one, and not started twice", () => {
    const node = new Node().lead()
    node.raft.transferLeadership(member(2))
    expect(only("TimeoutNow", node.work())).toHaveLength(1)
    node.raft.transferLeadership(member(2))
    expect(only("TimeoutNow", node.work())).toHaveLength(0)
    node.raft.transferLeadership(member(3))
    expect(only("TimeoutNow", node.work())).toMatchObject([{ to: 3 }])
    expect(node.status.transferee).toBe(3)
  })

  it("to the leader itself ends an earlier one", () => {
    const node = new Node().lead()
    node.raft.transferLeadership(member(2))
    node.raft.transferLeadership(member(1))
    expect(node.status.transferee).toBeUndefined()
  })

  it.each([4, 9])("goes to voters only: not to %i", (to) => {
    const node = new Node({ learners: [4] }).lead()
    node.raft.transferLeadership(member(to))
    expect(node.work()).toEqual([])
    expect(node.status.transferee).toBeUndefined()
  })
})
