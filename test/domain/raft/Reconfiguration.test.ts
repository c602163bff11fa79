/** What a change of the membership does to a group that runs (Raft thesis §4). */
import { describe, expect, it } from "vitest"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import { draft, index, member, members, Node, only, type Start, term } from "./support/Fixture.ts"

type Steps = Array<[MembershipChange.Step["action"], number]>

const propose = (node: Node, transition: MembershipChange.Transition, ...steps: Steps) => {
  const data = MembershipChange.encode({
    transition,
    steps: steps.map(([action, id]) => ({ action, member: member(id) })),
    context: new Uint8Array(0)
  })
  return node.raft.propose([{ kind: "membership", data }])
}

/** Proposes, and lets those who are there acknowledge. */
const change = (node: Node, transition: MembershipChange.Transition, ...steps: Steps) => {
  const proposed = propose(node, transition, ...steps)
  if (proposed._tag !== "Appended") throw new Error(JSON.stringify(proposed))
  node.work()
  node.acknowledgeAll()
}

const leading = (start: Start = {}) => new Node(start).lead()

describe("a change", () => {
  it("counts when it is applied, not before", () => {
    const node = leading()
    propose(node, "auto", ["addVoter", 4])
    node.work()
    expect(node.status.membership.voters).toEqual([1, 2, 3])
    node.acknowledge(2, 2)
    expect(node.status.membership.voters).toEqual([1, 2, 3, 4])
  })

  it("lets the leader send to a new member at once", () => {
    const node = leading()
    propose(node, "auto", ["addVoter", 4])
    node.work()
    const sent = node.acknowledge(2, 2)
    expect(only("Append", sent).filter(({ to }) => to === 4)).toHaveLength(1)
    expect(node.status.progress.get(member(4))).toMatchObject({ match: 0, isRecentlyActive: true })
  })

  it("raises what a majority is", () => {
    const node = leading()
    change(node, "auto", ["addVoter", 4])
    node.propose("a")
    node.acknowledge(2, 3)
    expect(node.status.commit).toBe(2)
    node.acknowledge(4, 3)
    expect(node.status.commit).toBe(3)
  })

  it("lowers it, and commits at once what the smaller majority holds", () => {
    const node = leading({ voters: [1, 2] })
    propose(node, "auto", ["remove", 2])
    node.work()
    node.propose("a")
    expect(node.status.commit).toBe(1)
    node.acknowledge(2, 2)
    expect(node.status).toMatchObject({ commit: 3, membership: { voters: [1] } })
  })

  it("tells the others what it has committed thereby", () => {
    const node = leading({ voters: [1, 2, 3, 4] })
    propose(node, "auto", ["remove", 4])
    node.work()
    node.propose("a")
    node.acknowledge(2, 3)
    const sent = only("Append", node.acknowledge(3, 2))
    expect(node.status.commit).toBe(3)
    expect(sent.filter(({ commit }) => commit === 3).map(({ to }) => to)).toEqual([2, 3])
  })

  it("does not count a learner, but feeds it", () => {
    const node = leading({ voters: [1, 2, 3] })
    change(node, "auto", ["addLearner", 4])
    node.acknowledge(4, 2)
    const appends = only("Append", node.propose("a"))
    expect(appends.map(({ to }) => to)).toEqual([2, 3, 4])
    expect(node.status.commit).toBe(2)
    node.acknowledge(4, 3)
    expect(node.status.commit).toBe(2)
  })

  it("promotes a learner with what is known of it", () => {
    const node = leading()
    change(node, "auto", ["addLearner", 4])
    node.acknowledge(4, 2)
    change(node, "auto", ["addVoter", 4])
    expect(node.status.membership).toEqual(Membership.make(members(1, 2, 3, 4)))
    expect(node.status.progress.get(member(4))).toMatchObject({ match: 3 })
  })

  it("forgets a member that is removed", () => {
    const node = leading()
    change(node, "auto", ["remove", 3])
    expect([...node.status.progress.keys()]).toEqual([1, 2])
    expect(node.acknowledge(3, 9)).toEqual([])
  })

  it("ends a transfer to a member that is removed", () => {
    const node = leading()
    propose(node, "auto", ["remove", 3])
    node.work()
    node.raft.transferLeadership(member(3))
    expect(node.status.transferee).toBe(3)
    node.acknowledge(2, 2)
    expect(node.status.transferee).toBeUndefined()
  })
})

describe("a joint configuration", () => {
  it("needs both majorities to commit", () => {
    const node = leading({ voters: [1, 2, 3] })
    change(node, "explicit", ["addVoter", 4], ["addVoter", 5], ["remove", 2], ["remove", 3])
    expect(node.status.membership).toMatchObject({
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
      autoLeave: false
    })
    node.propose("a")
    node.acknowledge(4, 3)
    node.acknowledge(5, 3)
    expect(node.status.commit).toBe(2)
    node.acknowledge(2, 3)
    expect(node.status.commit).toBe(3)
  })

  it("is left by another change if it is explicit", () => {
    const node = leading()
    change(node, "explicit", ["remove", 3])
    node.tick(5)
    expect(Membership.isJoint(node.status.membership)).toBe(true)
    change(node, "auto")
    expect(node.status.membership).toEqual(Membership.make(members(1, 2)))
  })

  it("is left by the leader itself if it is implicit", () => {
    const node = leading()
    propose(node, "implicit", ["addVoter", 4])
    node.work()
    node.acknowledge(2, 2)
    expect(Membership.isJoint(node.status.membership)).toBe(true)
    expect(node.entries().at(-1)).toMatchObject({ index: 3, kind: "membership" })
    node.acknowledgeAll()
    expect(node.status.membership).toEqual(Membership.make(members(1, 2, 3, 4)))
  })

  it("is left by the next leader, if the first one did not get to it", () => {
    const membership: Membership.Membership = {
      ...Membership.make(members(1, 2, 3, 4)),
      votersOutgoing: members(1, 2, 3),
      autoLeave: true
    }
    const node = leading({ membership })
    node.acknowledgeAll()
    expect(node.status.membership).toEqual(Membership.make(members(1, 2, 3, 4)))
  })

  it("is left after a transfer that came to nothing", () => {
    const node = leading()
    propose(node, "implicit", ["addVoter", 4])
    node.work()
    node.raft.transferLeadership(member(3))
    node.acknowledge(2, 2)
    expect(node.status.lastIndex).toBe(2)
    node.tick(10)
    node.propose("a")
    node.acknowledgeAll()
    node.acknowledgeAll()
    expect(Membership.isJoint(node.status.membership)).toBe(false)
  })
})

describe("a leader that is removed", () => {
  const removed = (stepDownOnRemoval: boolean) => {
    const node = leading({ stepDownOnRemoval })
    propose(node, "auto", ["remove", 1])
    node.work()
    node.propose("a")
    node.acknowledge(2, 2)
    node.acknowledge(3, 2)
    return node
  }

  it("steps down when it applies that, having told the others that it is committed", () => {
    const node = removed(true)
    expect(node.status).toMatchObject({ role: "Follower", leader: undefined, commit: 2 })
    expect(only("Append", node.sent).filter(({ commit }) => commit === 2)).not.toEqual([])
    node.tick(50)
    expect(node.status.role).toBe("Follower")
  })

  it("or leads on without counting itself, if it is told to", () => {
    const node = removed(false)
    expect(node.status).toMatchObject({ role: "Leader", commit: 2 })
    node.acknowledge(2, 3)
    expect(node.status.commit).toBe(2)
    node.acknowledge(3, 3)
    expect(node.status.commit).toBe(3)
    expect(node.raft.propose([draft("b")])._tag).toBe("NotMember")
  })

  it("steps down as well when it is made a learner", () => {
    const node = leading()
    change(node, "auto", ["addLearner", 1])
    expect(node.status).toMatchObject({ role: "Follower", membership: { learners: [1] } })
  })
})

describe("a node that joins", () => {
  it("waits for the leader, and takes part once it has the configuration", () => {
    const node = new Node({ id: member(4), membership: Membership.empty })
    node.tick(100)
    expect(node.status).toMatchObject({ role: "Follower", term: 0 })
    const membership = Membership.make(members(1, 2, 3, 4))
    node.receive({
      _tag: "InstallSnapshot",
      from: member(1),
      term: term(3),
      snapshot: { index: index(7), term: term(2), membership }
    })
    node.tick(10)
    expect(node.status).toMatchObject({ role: "Candidate", term: 4, membership })
  })
})
