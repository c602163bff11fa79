import { describe, expect, it } from "vitest"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import type { Position } from "../../../src/domain/raft/Position.ts"
import type { Draft, Rejected } from "../../../src/domain/raft/Proposing.ts"
import { at, draft, member, members, Node, text } from "./support/Fixture.ts"

const change = (
  transition: MembershipChange.Transition,
  ...steps: Array<[MembershipChange.Step["action"], number]>
): Draft => ({
  kind: "membership",
  data: MembershipChange.encode({
    transition,
    steps: steps.map(([action, id]) => ({ action, member: member(id) })),
    context: new Uint8Array(0)
  })
})

/** Everything of a core that can be seen: for what must not have changed. */
const seen = (node: Node) => ({
  status: node.status,
  entries: node.entries(),
  hasReady: node.raft.hasReady()
})

function expectRejected(node: Node, drafts: ReadonlyArray<Draft>, rejection: Rejected): void {
  const before = seen(node)
  expect(node.raft.propose(drafts)).toEqual(rejection)
  expect(seen(node)).toEqual(before)
}

describe("a proposal that is accepted", () => {
  it("says which entries it became", () => {
    const node = new Node().lead()
    expect(node.raft.propose([draft("a"), draft("b")])).toEqual({
      _tag: "Appended",
      term: 1,
      from: 2,
      until: 4
    })
    expect(node.entries().map(text)).toEqual(["", "a", "b"])
  })

  it("makes the data when term and index are final, once and in order", () => {
    const node = new Node().lead()
    const positions: Array<Position> = []
    const seal = (position: Position) => {
      positions.push(position)
      return new TextEncoder().encode(`${position.term}/${position.index}`)
    }
    node.raft.propose([{ kind: "normal", data: seal }, draft("x"), { kind: "normal", data: seal }])
    expect(positions).toEqual([at(1, 2), at(1, 4)])
    expect(node.entries().map(text)).toEqual(["", "1/2", "x", "1/4"])
  })

  it("keeps the kind of an entry", () => {
    const node = new Node().lead()
    node.raft.propose([draft("r", "registration")])
    expect(node.entries().map((each) => each.kind)).toEqual(["noop", "registration"])
  })
})

describe("a proposal that is refused leaves no trace", () => {
  it("NotLeader: a follower names the leader, if it knows one", () => {
    const node = new Node()
    expectRejected(node, [draft("a")], { _tag: "NotLeader", leader: undefined })
    const { term } = node.status
    node.receive({
      _tag: "Append",
      from: member(2),
      term,
      previous: at(0, 0),
      entries: [],
      commit: node.status.commit
    })
    expectRejected(node, [draft("a")], { _tag: "NotLeader", leader: member(2) })
  })

  it("NotLeader: a candidate knows none", () => {
    const node = new Node()
    node.raft.campaign()
    node.work()
    expectRejected(node, [draft("a")], { _tag: "NotLeader", leader: undefined })
  })

  it("NotMember: a leader that was removed", () => {
    const node = new Node({ stepDownOnRemoval: false }).lead()
    node.raft.propose([change("auto", ["remove", 1])])
    node.work()
    node.acknowledgeAll()
    expectRejected(node, [draft("a")], { _tag: "NotMember" })
  })

  it("TransferInProgress", () => {
    const node = new Node().lead()
    node.raft.transferLeadership(member(2))
    node.work()
    expectRejected(node, [draft("a")], { _tag: "TransferInProgress", transferee: member(2) })
  })

  it("UncommittedTooLarge: and data that a function makes is not made", () => {
    const node = new Node({ uncommittedBytesMax: 10 }).lead()
    expect(node.raft.propose([draft("x".repeat(12))])._tag).toBe("Appended")
    node.work()
    const data = () => {
      throw new Error("is not called")
    }
    const rejection = {
      _tag: "UncommittedTooLarge",
      uncommittedBytes: 12,
      uncommittedBytesMax: 10
    } as const
    expectRejected(node, [draft("y")], rejection)
    expectRejected(node, [{ kind: "normal", data }], rejection)
    expect(node.raft.propose([draft("")])._tag).toBe("Appended")
    node.work()
    node.acknowledgeAll()
    expect(node.raft.propose([draft("y")])._tag).toBe("Appended")
  })

  it("a function that throws", () => {
    const node = new Node().lead()
    const before = seen(node)
    const failure = new Error("the nonce is used up")
    const data = () => {
      throw failure
    }
    expect(() => node.raft.propose([draft("a"), { kind: "normal", data }])).toThrow(failure)
    expect(seen(node)).toEqual(before)
    expect(node.raft.propose([draft("b")])).toMatchObject({ from: 2, until: 3 })
  })
})

describe("a change of the membership is refused", () => {
  const refused = (reason: "malformed" | "pending" | MembershipChange.Refusal) =>
    ({ _tag: "MembershipChangeRefused", reason }) as const

  it("while another one is not applied, also within one batch", () => {
    const node = new Node().lead()
    const one = change("auto", ["addVoter", 4])
    const other = change("auto", ["addVoter", 5])
    expectRejected(node, [one, other], refused("pending"))
    node.raft.propose([one])
    expectRejected(node, [other], refused("pending"))
    node.work()
    node.acknowledgeAll()
    expect(node.raft.propose([other])._tag).toBe("Appended")
  })

  it("while a new leader has not applied what it found in its log", () => {
    const node = new Node({
      stored: [{ ...at(1, 1), kind: "normal", data: new Uint8Array(0) }],
      hardState: { term: at(1, 1).term }
    })
    node.raft.campaign()
    node.work()
    node.grantAll()
    expectRejected(node, [change("auto", ["addVoter", 4])], refused("pending"))
    node.acknowledgeAll()
    expect(node.raft.propose([change("auto", ["addVoter", 4])])._tag).toBe("Appended")
  })

  it("if it could not be made: what is accepted never fails when it is applied", () => {
    const node = new Node().lead()
    const broken: Draft = { kind: "membership", data: Uint8Array.of(9, 9, 9, 9) }
    expectRejected(node, [broken], refused("malformed"))
    expectRejected(node, [change("auto")], refused("notJoint"))
    expectRejected(node, [change("explicit")], refused("notJoint"))
    const everybody = change("auto", ["remove", 1], ["remove", 2], ["remove", 3])
    expectRejected(node, [everybody], refused("allVotersRemoved"))
  })

  it("in a joint configuration, unless it leaves it", () => {
    const joint: Membership.Membership = {
      ...Membership.make(members(1, 2, 3)),
      votersOutgoing: members(1, 2)
    }
    const node = new Node({ membership: joint }).lead()
    expectRejected(node, [change("auto", ["addVoter", 4])], refused("simpleWhileJoint"))
    expectRejected(node, [change("explicit", ["addVoter", 4])], refused("alreadyJoint"))
    expect(node.raft.propose([change("auto")])._tag).toBe("Appended")
    node.work()
    node.acknowledgeAll()
    expect(Membership.isJoint(node.status.membership)).toBe(false)
  })
})
