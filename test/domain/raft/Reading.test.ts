/** Linearizable reads (Raft thesis §6.4). */
import { describe, expect, it } from "vitest"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import { cluster, entriesFrom, index, member, Node, only, settle, term } from "./support/Fixture.ts"

const answers = (node: Node) => node.readies.flatMap(({ readStates }) => readStates)

const confirm = (node: Node, from: number, readPosition: number) =>
  node.receive({
    _tag: "HeartbeatResponse",
    from: member(from),
    term: node.status.term,
    readPosition
  })

describe("readIndex", () => {
  it("is answered with the commit index of when it was asked, after a quorum has answered", () => {
    const node = new Node({ voters: [1, 2, 3, 4, 5] }).lead()
    expect(node.raft.readIndex(7n)).toBe(true)
    const heartbeats = only("Heartbeat", node.work())
    expect(heartbeats.map(({ readPosition }) => readPosition)).toEqual([1, 1, 1, 1])
    node.propose("a")
    node.acknowledgeAll()
    confirm(node, 2, 1)
    expect(answers(node)).toEqual([])
    confirm(node, 3, 1)
    expect(answers(node)).toEqual([{ requestId: 7n, index: 1 }])
  })

  it("is confirmed by a later round too, any number at once, and never by an earlier one", () => {
    const node = new Node().lead()
    for (const requestId of [1n, 2n, 3n]) node.raft.readIndex(requestId)
    node.work()
    confirm(node, 2, 2)
    expect(answers(node).map(({ requestId }) => requestId)).toEqual([1n, 2n])
    node.raft.readIndex(4n)
    node.work()
    confirm(node, 3, 3)
    expect(answers(node).map(({ requestId }) => requestId)).toEqual([1n, 2n, 3n])
    confirm(node, 3, 4)
    expect(answers(node).map(({ requestId }) => requestId)).toEqual([1n, 2n, 3n, 4n])
  })

  it("is repeated with every heartbeat until it is confirmed", () => {
    const node = new Node().lead()
    node.raft.readIndex(1n)
    node.work()
    expect(only("Heartbeat", node.tick()).map((each) => each.readPosition)).toEqual([1, 1])
    confirm(node, 2, 1)
    expect(only("Heartbeat", node.tick()).map((each) => each.readPosition)).toEqual([0, 0])
  })

  it("is not confirmed by answers that carry nothing", () => {
    const node = new Node().lead()
    node.raft.readIndex(1n)
    node.work()
    confirm(node, 2, 0)
    expect(answers(node)).toEqual([])
  })

  it("asks the only voter, if that is another member", () => {
    const node = new Node({ voters: [1, 2], stepDownOnRemoval: false }).lead()
    const change = { transition: "auto", context: new Uint8Array(0) } as const
    const data = MembershipChange.encode({
      ...change,
      steps: [{ action: "remove", member: node.id }]
    })
    node.raft.propose([{ kind: "membership", data }])
    node.work()
    node.acknowledgeAll()
    expect(node.status).toMatchObject({ role: "Leader", membership: { voters: [2] } })
    node.raft.readIndex(1n)
    node.work()
    expect(answers(node)).toEqual([])
    confirm(node, 2, 1)
    expect(answers(node)).toEqual([{ requestId: 1n, index: 2 }])
  })

  it("waits until a new leader has committed in its term", () => {
    const node = new Node({ stored: entriesFrom(1, 1), hardState: { term: term(1) } })
    node.raft.campaign()
    node.work()
    node.grantAll()
    node.raft.readIndex(1n)
    expect(only("Heartbeat", node.work())).toEqual([])
    expect(only("Heartbeat", node.acknowledge(2, 2)).map((each) => each.readPosition)).toEqual([
      1, 1
    ])
    confirm(node, 2, 1)
    expect(answers(node)).toEqual([{ requestId: 1n, index: 2 }])
  })

  it("a single voter answers at once, but also not before it has committed in its term", () => {
    const node = new Node({
      voters: [1],
      stored: entriesFrom(1, 1, 1),
      hardState: { term: term(1), commit: index(1) }
    })
    node.raft.campaign()
    node.workOnce()
    expect(node.status).toMatchObject({ role: "Leader", commit: 1 })
    node.raft.readIndex(1n)
    node.work()
    expect(answers(node)).toEqual([{ requestId: 1n, index: 3 }])
    node.raft.readIndex(2n)
    node.work()
    expect(answers(node)).toHaveLength(2)
  })

  it("a single voter does not trouble its learners with it", () => {
    const node = new Node({ voters: [1], learners: [2] }).lead()
    node.raft.readIndex(1n)
    expect(only("Heartbeat", node.work())).toEqual([])
    expect(answers(node)).toHaveLength(1)
  })

  it("is asked of the leader by any member, learners included", () => {
    const nodes = [...cluster(3, { learners: [4] }), new Node({ id: member(4), learners: [4] })]
    nodes[0]!.raft.campaign()
    settle(nodes)
    for (const node of nodes) expect(node.raft.readIndex(BigInt(node.id))).toBe(true)
    settle(nodes)
    for (const node of nodes) {
      expect(answers(node)).toEqual([{ requestId: BigInt(node.id), index: 1 }])
    }
  })

  it("asks nobody where no leader is known", () => {
    const node = new Node()
    expect(node.raft.readIndex(1n)).toBe(false)
    node.raft.campaign()
    expect(node.raft.readIndex(1n)).toBe(false)
  })

  it("is never answered by a leader that was replaced", () => {
    const nodes = cluster(3)
    const [old, next] = nodes as [Node, Node, Node]
    old.raft.campaign()
    settle(nodes)
    next.raft.campaign()
    settle(nodes, ({ from, to }) => from === old.id || to === old.id)
    next.propose("a")
    next.acknowledge(3, 3)
    old.raft.readIndex(1n)
    settle(nodes)
    expect(answers(old)).toEqual([])
  })

  it("the planted bug answers without asking", () => {
    const node = new Node({ plantedBug: "readsWithoutQuorum" }).lead()
    node.raft.readIndex(1n)
    node.work()
    expect(answers(node)).toHaveLength(1)
  })
})
