/** The contract between a core and its driver, and the rules on terms and roles. */
import { describe, expect, it } from "vitest"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import type { Message } from "../../../src/domain/raft/Message.ts"
import * as State from "../../../src/domain/raft/State.ts"
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate
} from "../../../src/domain/raft/Transitions.ts"
import {
  append,
  at,
  cluster,
  draft,
  entriesFrom,
  index,
  member,
  members,
  Node,
  only,
  settle,
  term,
  text
} from "./support/Fixture.ts"
import { MemoryLog } from "./support/MemoryLog.ts"

const snapshot = (termOf: number, indexOf: number, ...voters: Array<number>) => ({
  ...at(termOf, indexOf),
  membership: Membership.make(members(...voters))
})

const installSnapshot = (from: number, inTerm: number, indexOf: number) =>
  ({
    _tag: "InstallSnapshot",
    from: member(from),
    term: term(inTerm),
    snapshot: snapshot(inTerm, indexOf, 1, 2, 3, 4)
  }) as const

describe("Ready", () => {
  it("is there exactly when there is something to do", () => {
    const node = new Node()
    expect(node.raft.hasReady()).toBe(false)
    node.raft.campaign()
    expect(node.raft.hasReady()).toBe(true)
    const ready = node.raft.ready()
    expect(node.raft.hasReady()).toBe(false)
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.raft.hasReady()).toBe(false)
  })

  it("is advanced past before the next one, and no other is", () => {
    const node = new Node({ voters: [1] })
    node.raft.campaign()
    const ready = node.raft.ready()
    expect(() => node.raft.ready()).toThrow("before the next")
    expect(() => node.raft.advance({ ...ready })).toThrow("handed out last")
    node.raft.advance(ready)
    expect(() => node.raft.advance(ready)).toThrow("handed out last")
  })

  it("must be durable if entries, term or vote are new, and not for a commit index alone", () => {
    const node = new Node()
    node.receive(append(2, 1, { entries: entriesFrom(1, 1) }))
    node.receive(append(2, 1, { previous: at(1, 1), commit: index(1) }))
    expect(node.readies.map(({ hardState, mustSync }) => [hardState?.commit, mustSync])).toEqual([
      [0, true],
      [1, false]
    ])
  })

  it("hands out committed entries in portions", () => {
    const node = new Node({ committedBytesPerReadyMax: 0 })
    node.receive(append(2, 1, { entries: entriesFrom(1, 1, 1, 1), commit: index(3) }))
    expect(node.readies.map(({ committedEntries }) => committedEntries.length)).toEqual([1, 1, 1])
  })

  it("tells role and leader when they change", () => {
    const node = new Node().lead()
    expect(node.readies.flatMap(({ softState }) => softState ?? [])).toEqual([
      { role: "Candidate", leader: undefined },
      { role: "Leader", leader: 1 }
    ])
  })

  it("is what it was, whatever happens to the core later", () => {
    const node = new Node()
    node.raft.step({ ...append(2, 1, { entries: entriesFrom(1, 1, 1) }), to: node.id } as Message)
    const ready = node.raft.ready()
    const entries = [...ready.entries]
    node.raft.step({ ...append(3, 2, { entries: entriesFrom(1, 2) }), to: node.id } as Message)
    expect(ready.entries).toEqual(entries)
    node.persist(ready)
    node.raft.advance(ready)
    node.work()
    expect(node.log.all()).toEqual(entriesFrom(1, 2))
  })
})

describe("what comes between ready and advance", () => {
  it("an entry that was replaced meanwhile is written again", () => {
    const node = new Node()
    node.raft.step({ ...append(2, 1, { entries: entriesFrom(1, 1, 1) }), to: node.id } as Message)
    const ready = node.raft.ready()
    const replaced = append(3, 2, { previous: at(1, 1), entries: entriesFrom(2, 2) })
    node.raft.step({ ...replaced, to: node.id } as Message)
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.raft.ready().entries.map((each) => [each.index, each.term])).toContainEqual([2, 2])
  })

  it("an acknowledgement made for an earlier term is not counted in a later one", () => {
    const node = new Node({ voters: [1, 2] }).lead()
    node.raft.propose([draft("lost")])
    const ready = node.raft.ready()
    node.raft.step({ ...append(2, 2), to: node.id } as Message)
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.status).toMatchObject({ role: "Follower", term: 2, commit: 1 })
  })

  it("a snapshot waits until the entries before it have been applied", () => {
    const node = new Node()
    const committed = append(2, 1, { entries: entriesFrom(1, 1), commit: index(1) })
    node.raft.step({ ...committed, to: node.id } as Message)
    const ready = node.raft.ready()
    node.raft.step({ ...installSnapshot(2, 1, 9), to: node.id } as Message)
    expect(node.status).toMatchObject({ commit: 1, membership: { voters: [1, 2, 3] } })
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.status).toMatchObject({ commit: 9, membership: { voters: [1, 2, 3, 4] } })
    expect(node.workOnce().snapshot?.index).toBe(9)
    expect(node.status.applied).toBe(9)
  })
})

describe("a restart", () => {
  it("goes on from the disk: term, vote, log, commit, and only what is not applied yet", () => {
    const node = new Node({
      stored: entriesFrom(1, 1, 2, 2),
      hardState: { term: term(3), vote: member(2), commit: index(2) },
      applied: index(1)
    })
    expect(node.status).toMatchObject({ term: 3, vote: 2, commit: 2, applied: 1, lastIndex: 3 })
    node.work()
    expect(node.applied.map((each) => each.index)).toEqual([2])
  })

  it("what was applied was committed, even if the commit index was lost", () => {
    const node = new Node({
      stored: entriesFrom(1, 1, 1),
      hardState: { term: term(1), commit: index(0) },
      applied: index(2)
    })
    expect(node.status).toMatchObject({ commit: 2, applied: 2 })
  })

  it("refuses a state machine that is ahead of the log", () => {
    expect(() => new Node({ stored: entriesFrom(1, 1), applied: index(2) })).toThrow(
      "log been lost"
    )
  })
})

describe("options that contradict each other are refused", () => {
  it.each([
    { id: member(0) },
    { heartbeatTicks: 0 },
    { electionTicks: 3, heartbeatTicks: 3 },
    { inflightMessagesMax: 0 },
    { messageBytesMax: 10, inflightBytesMax: 9 }
  ])("%o", (options) => {
    expect(() => new Node(options)).toThrow()
  })
})

describe("transitions", () => {
  const state = () => {
    const log = new MemoryLog(Membership.make(members(1, 2, 3)))
    const { raft: _, ...node } = new Node()
    const never = () => 10
    return State.make(
      {
        id: node.id,
        log,
        applied: index(0),
        electionTicks: 10,
        heartbeatTicks: 1,
        randomizedElectionTicks: never,
        messageBytesMax: 1000,
        inflightMessagesMax: 10,
        inflightBytesMax: 1000,
        uncommittedBytesMax: 1000,
        committedBytesPerReadyMax: 1000,
        preVote: false,
        checkQuorum: false,
        stepDownOnRemoval: true
      },
      undefined
    )
  }

  it("a follower does not become leader, and a pre-candidate neither", () => {
    const follower = state()
    expect(() => becomeLeader(follower)).toThrow("only a candidate")
    becomePreCandidate(follower)
    expect(() => becomeLeader(follower)).toThrow("only a candidate")
  })

  it("a leader does not campaign", () => {
    const leader = state()
    becomeCandidate(leader)
    becomeLeader(leader)
    expect(() => becomeCandidate(leader)).toThrow("does not campaign")
    expect(() => becomePreCandidate(leader)).toThrow("does not campaign")
  })

  it("a term never goes back", () => {
    const follower = state()
    becomeFollower(follower, term(5), undefined)
    expect(() => becomeFollower(follower, term(4), undefined)).toThrow("never goes back")
  })

  it("a pre-candidate keeps term, vote and clock; a candidate starts anew", () => {
    const node = state()
    becomeFollower(node, term(5), member(2))
    node.vote = member(2)
    node.ticksSinceElection = 7
    becomePreCandidate(node)
    expect(node).toMatchObject({ term: 5, vote: 2, ticksSinceElection: 7 })
    becomeCandidate(node)
    expect(node).toMatchObject({ term: 6, vote: 1, ticksSinceElection: 0 })
  })
})

describe("messages that come late", () => {
  it("an append of a replaced leader changes nothing", () => {
    const [first, second, third] = cluster(3) as [Node, Node, Node]
    const nodes = [first, second, third]
    for (const node of [first, second, first]) {
      node.raft.campaign()
      settle(nodes)
    }
    first.receive(append(2, 2, { entries: entriesFrom(1, 2, 2, 2, 2) }))
    expect(first.status).toMatchObject({ role: "Leader", term: 3, lastIndex: 3 })
  })

  it("votes of an earlier election are not counted", () => {
    const node = new Node()
    node.raft.campaign()
    node.work()
    node.tick(10)
    node.receive({
      _tag: "VoteResponse",
      from: member(2),
      term: term(1),
      granted: true,
      committed: undefined
    })
    expect(node.status).toMatchObject({ role: "Candidate", term: 2 })
  })

  it("an answer of somebody who is no member is refused", () => {
    const node = new Node().lead()
    const answer = {
      _tag: "HeartbeatResponse",
      from: member(9),
      to: node.id,
      term: term(1),
      readPosition: 0
    } as const
    expect(node.raft.step(answer)).toBe("unknownPeer")
    expect(node.raft.step({ ...answer, from: member(2) })).toBe("stepped")
  })

  it("a leader's own vote does not elect it after it has lost", () => {
    const node = new Node()
    node.raft.campaign()
    const ready = node.raft.ready()
    for (const from of [2, 3]) {
      const refusal = { _tag: "VoteResponse", from: member(from), to: node.id } as const
      node.raft.step({ ...refusal, term: term(1), granted: false, committed: undefined })
    }
    expect(node.status.role).toBe("Follower")
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.status.role).toBe("Follower")
  })
})

describe("two leaders in one term", () => {
  it("is a bug, and stops the leader that sees it", () => {
    const node = new Node().lead()
    expect(() => node.receive(append(2, 1))).toThrow("a term has one leader")
  })
})

describe("renounceCandidacy", () => {
  it("stops leading, and does not campaign, but votes and follows", () => {
    const node = new Node({ checkQuorum: true }).lead()
    node.raft.renounceCandidacy()
    node.work()
    expect(node.status).toMatchObject({ role: "Follower", term: 1, leader: undefined })
    node.tick(40)
    node.raft.campaign()
    node.receive({ _tag: "TimeoutNow", from: member(2), term: term(1) })
    expect(node.status).toMatchObject({ role: "Follower", term: 1 })
    const last = at(1, 1)
    const vote = { _tag: "Vote", from: member(2), term: term(2), last, isTransfer: false } as const
    expect(node.receive(vote)).toMatchObject([{ _tag: "VoteResponse", granted: true }])
    const entries = entriesFrom(2, 2)
    const [answer] = node.receive(append(2, 2, { previous: last, entries, commit: index(2) }))
    expect(answer).toMatchObject({ _tag: "AppendResponse", index: 2 })
    expect(node.applied.map(text)).toEqual(["", ""])
  })

  it("may be taken back: the next election time-out finds a candidate", () => {
    const node = new Node({ checkQuorum: true }).lead()
    node.raft.renounceCandidacy()
    node.tick(40)
    expect(node.status).toMatchObject({ role: "Follower", term: 1 })
    node.raft.resumeCandidacy()
    expect(node.status, "not at once").toMatchObject({ role: "Follower", term: 1 })
    node.tick(40)
    expect(node.status.role).not.toBe("Follower")
  })
})

describe("a store that fails", () => {
  it("is heard by the driver, and the proposal is not half made", () => {
    const node = new Node().lead()
    const failure = new Error("corrupt")
    const before = node.status
    node.log.term = () => {
      throw failure
    }
    const previous = at(1, 1)
    const message = append(2, 2, { previous, entries: entriesFrom(2, 2) })
    expect(() => node.receive(message)).toThrow(failure)
    expect(node.status.lastIndex).toBe(before.lastIndex)
    expect(only("AppendResponse", node.sent)).toEqual([])
  })
})
