/** Pre-vote, check-quorum and leader stickiness (Raft thesis §4.2.3, §6.2, §9.6). */
import { describe, expect, it } from "vitest"
import * as MembershipChange from "../../../src/domain/raft/MembershipChange.ts"
import {
  append,
  at,
  cluster,
  entriesFrom,
  index,
  member,
  Node,
  only,
  settle,
  term
} from "./support/Fixture.ts"

const heartbeat = (from: number, inTerm: number) =>
  ({
    _tag: "Heartbeat",
    from: member(from),
    term: term(inTerm),
    commit: index(0),
    readPosition: 0
  }) as const

const vote = (from: number, inTerm: number, last = at(0, 0), isTransfer = false) =>
  ({ _tag: "Vote", from: member(from), term: term(inTerm), last, isTransfer }) as const

const preVote = (from: number, inTerm: number, last = at(0, 0)) =>
  ({ _tag: "PreVote", from: member(from), term: term(inTerm), last }) as const

const answer = (from: number, inTerm: number, granted: boolean) =>
  ({ from: member(from), term: term(inTerm), granted, committed: undefined }) as const

const preVoteResponse = (from: number, inTerm: number, granted: boolean) =>
  ({ _tag: "PreVoteResponse", ...answer(from, inTerm, granted) }) as const

describe("pre-vote (§9.6)", () => {
  const options = { preVote: true }

  it("asks for the next term without entering it", () => {
    const node = new Node(options)
    const requests = only("PreVote", node.tick(10))
    expect(requests.map(({ term, to }) => [to, term])).toEqual([
      [2, 1],
      [3, 1]
    ])
    expect(node.status).toMatchObject({ role: "PreCandidate", term: 0, vote: undefined })
  })

  it("campaigns for real once a majority would vote for it", () => {
    const node = new Node(options)
    node.tick(10)
    const requests = only("Vote", node.receive(preVoteResponse(2, 1, true)))
    expect(requests).toHaveLength(2)
    expect(node.status).toMatchObject({ role: "Candidate", term: 1, vote: 1 })
  })

  it("gives up if a majority would not", () => {
    const node = new Node(options)
    node.tick(10)
    node.receive(preVoteResponse(2, 0, false))
    node.receive(preVoteResponse(3, 0, false))
    expect(node.status).toMatchObject({ role: "Follower", term: 0 })
  })

  it("enters a later term that a refusal tells of", () => {
    const node = new Node(options)
    node.tick(10)
    node.receive(preVoteResponse(2, 7, false))
    expect(node.status).toMatchObject({ role: "Follower", term: 7 })
  })

  it("a granted pre-vote binds nobody, and is given to any number of candidates", () => {
    const node = new Node(options)
    for (const from of [2, 3]) {
      expect(node.receive(preVote(from, 1))).toMatchObject([{ term: 1, granted: true }])
    }
    expect(node.status).toMatchObject({ term: 0, vote: undefined })
  })

  it("is refused for a log that is behind, naming the voter's own term", () => {
    const node = new Node({ ...options, stored: entriesFrom(1, 1), hardState: { term: term(1) } })
    expect(node.receive(preVote(2, 2))).toMatchObject([{ term: 1, granted: false }])
    expect(node.receive(preVote(2, 2, at(1, 1)))).toMatchObject([{ term: 2, granted: true }])
  })

  it("is refused within a term whose leader is known, or in which the vote is spent", () => {
    const led = new Node(options)
    led.receive(heartbeat(2, 1))
    expect(led.receive(preVote(3, 1))).toMatchObject([{ granted: false }])
    const voted = new Node({ ...options, hardState: { term: term(1), vote: member(2) } })
    expect(voted.receive(preVote(3, 1))).toMatchObject([{ granted: false }])
    expect(voted.receive(preVote(2, 1))).toMatchObject([{ granted: true }])
    const fresh = new Node({ ...options, hardState: { term: term(1) } })
    expect(fresh.receive(preVote(3, 1))).toMatchObject([{ granted: true }])
  })

  it("of an earlier term is answered, so that the candidate learns of the later one", () => {
    const node = new Node({ ...options, hardState: { term: term(5) } })
    expect(node.receive(preVote(2, 3))).toMatchObject([
      { _tag: "PreVoteResponse", term: 5, granted: false }
    ])
  })

  it("a node that was cut off does not depose a leader when it returns", () => {
    const nodes = cluster(3, { preVote: true, checkQuorum: true })
    const [leader, , cutOff] = nodes as [Node, Node, Node]
    leader.raft.campaign()
    settle(nodes)
    for (let round = 0; round < 5; round++) cutOff.tick(10)
    expect(cutOff.status).toMatchObject({ role: "PreCandidate", term: 1 })
    leader.raft.propose([{ kind: "normal", data: new Uint8Array(3) }])
    leader.raft.tick()
    settle(nodes)
    expect(leader.status).toMatchObject({ role: "Leader", term: 1, commit: 2 })
    expect(cutOff.status).toMatchObject({ role: "Follower", leader: 1, commit: 2 })
  })

  it("a voter without pre-vote and one with it elect a leader together", () => {
    const nodes = [1, 2, 3].map((id) => new Node({ id: member(id), preVote: id !== 3 }))
    for (const each of nodes) {
      each.raft.campaign()
      settle(nodes)
      expect(each.status.role).toBe("Leader")
    }
  })
})

describe("check-quorum (§6.2)", () => {
  const options = { checkQuorum: true }

  it("a leader that hears a quorum goes on leading", () => {
    const node = new Node(options).lead()
    for (let round = 0; round < 50; round++) {
      node.tick()
      node.receive({
        _tag: "HeartbeatResponse",
        from: member(2),
        term: term(1),
        readPosition: 0
      })
    }
    expect(node.status.role).toBe("Leader")
  })

  it("a leader that hears none steps down within two election time-outs", () => {
    const node = new Node(options).lead()
    node.tick(20)
    expect(node.status).toMatchObject({ role: "Follower", term: 1, leader: undefined })
  })

  it("a learner's answers do not keep a leader", () => {
    const node = new Node({ ...options, learners: [4] }).lead()
    for (let round = 0; round < 20; round++) {
      node.tick()
      node.receive({
        _tag: "HeartbeatResponse",
        from: member(4),
        term: term(1),
        readPosition: 0
      })
    }
    expect(node.status.role).toBe("Follower")
  })

  it("whoever hears a leader ignores candidates (§4.2.3)", () => {
    const node = new Node(options)
    node.receive(heartbeat(2, 1))
    node.tick(9)
    expect(node.receive(vote(3, 5))).toEqual([])
    expect(node.receive(preVote(3, 5))).toEqual([])
    expect(node.status).toMatchObject({ term: 1, leader: 2 })
  })

  it("and listens again once the leader has been silent", () => {
    const node = new Node({ ...options, randomizedElectionTicks: () => 19 })
    node.receive(heartbeat(2, 1))
    node.tick(10)
    expect(node.receive(vote(3, 5))).toMatchObject([{ _tag: "VoteResponse", granted: true }])
  })

  it("a candidate the leader asked for is heard at once (§3.10)", () => {
    const node = new Node(options)
    node.receive(heartbeat(2, 1))
    expect(node.receive(vote(3, 2, at(0, 0), true))).toMatchObject([{ granted: true }])
  })

  it.each([{ checkQuorum: true }, { preVote: true }])(
    "with %o, a leader of an earlier term is told that it was replaced",
    (option) => {
      const node = new Node({ ...option, hardState: { term: term(5) } })
      for (const message of [heartbeat(2, 3), append(2, 3)]) {
        expect(node.receive(message)).toMatchObject([
          { _tag: "AppendResponse", term: 5, index: 0, rejectionHint: undefined }
        ])
      }
      expect(new Node({ hardState: { term: term(5) } }).receive(heartbeat(2, 3))).toEqual([])
    }
  )
})

describe("a vote", () => {
  it("gives the candidate a whole time-out before the voter campaigns itself", () => {
    const node = new Node({ hardState: { term: term(1) } })
    node.tick(9)
    expect(node.receive(vote(2, 1))).toMatchObject([{ granted: true }])
    node.tick(9)
    expect(node.status.role).toBe("Follower")
    node.tick()
    expect(node.status.role).toBe("Candidate")
  })

  it("that is refused gives nothing", () => {
    const node = new Node({ hardState: { term: term(1) }, stored: entriesFrom(1, 1) })
    node.tick(9)
    expect(node.receive(vote(2, 1))).toMatchObject([{ granted: false }])
    node.tick()
    expect(node.status.role).toBe("Candidate")
  })
})

describe("who may campaign", () => {
  it("not a learner, and not a node that is no member", () => {
    for (const id of [4, 9]) {
      const node = new Node({ id: member(id), learners: [4] })
      node.raft.campaign()
      node.tick(50)
      expect(node.status).toMatchObject({ role: "Follower", term: 0 })
    }
  })

  it("but a learner votes: the candidate may know that it was promoted", () => {
    const node = new Node({ id: member(4), learners: [4] })
    expect(node.receive(vote(2, 1))).toMatchObject([{ granted: true }])
  })

  it("not one with a committed change of the membership to apply", () => {
    const change = { ...at(1, 1), kind: "membership", data: new Uint8Array(0) } as const
    const node = new Node({
      stored: [change],
      hardState: { term: term(1), commit: index(1) },
      committedBytesPerReadyMax: 0
    })
    node.raft.campaign()
    expect(node.status.role).toBe("Follower")
  })

  it("not one that has a snapshot to install", () => {
    const node = new Node()
    const { membership } = node.status
    const snapshot = { ...at(1, 5), membership }
    node.raft.step({
      _tag: "InstallSnapshot",
      from: member(2),
      to: node.id,
      term: term(1),
      snapshot
    })
    node.raft.campaign()
    expect(node.status.role).toBe("Follower")
    node.work()
    node.raft.campaign()
    expect(node.status.role).toBe("Candidate")
  })
})

describe("a joint configuration", () => {
  it("needs the votes of both halves", () => {
    const membership = {
      voters: [1, 2, 3].map(member),
      votersOutgoing: [1, 4, 5].map(member),
      learners: [],
      learnersNext: [],
      autoLeave: false
    }
    const node = new Node({ membership })
    node.raft.campaign()
    expect(only("Vote", node.work()).map(({ to }) => to)).toEqual([2, 3, 4, 5])
    const grant = (from: number) =>
      node.receive({
        _tag: "VoteResponse",
        from: member(from),
        term: term(1),
        granted: true,
        committed: undefined
      })
    grant(2)
    grant(3)
    expect(node.status.role).toBe("Candidate")
    grant(4)
    expect(node.status.role).toBe("Leader")
  })
})

describe("a refused vote", () => {
  it("brings what the voter knows to be committed, and the candidate learns it", () => {
    const voter = new Node({
      id: member(2),
      stored: entriesFrom(1, 1, 1, 1),
      hardState: { term: term(1), commit: index(2) }
    })
    for (const preVote of [false, true]) {
      const candidate = new Node({
        preVote,
        stored: entriesFrom(1, 1, 1),
        hardState: { term: term(1), commit: index(1) }
      })
      candidate.raft.campaign()
      const asked = candidate.work().find(({ to }) => to === voter.id)!
      const [refusal] = voter.receive(asked)
      expect(refusal).toMatchObject({ granted: false })
      candidate.receive(refusal!)
      expect(candidate.status).toMatchObject({ commit: 2, applied: 2 })
    }
  })

  it.each([
    ["is of another term", at(2, 2)],
    ["is beyond its log", at(1, 4)],
    ["it knows already", at(1, 1)]
  ])("brings nothing to a candidate if that entry %s", (_, committed) => {
    const candidate = new Node({
      stored: entriesFrom(1, 1, 1),
      hardState: { term: term(1), commit: index(1) }
    })
    candidate.raft.campaign()
    candidate.work()
    const refusal = { ...answer(2, 2, false), _tag: "VoteResponse", committed } as const
    candidate.receive(refusal)
    expect(candidate.status).toMatchObject({ role: "Candidate", commit: 1 })
  })

  it("brings it to a candidate of a later term too", () => {
    const voter = new Node({
      id: member(2),
      preVote: true,
      stored: entriesFrom(1, 1, 1, 1),
      hardState: { term: term(1), commit: index(2) }
    })
    const candidate = new Node({
      preVote: true,
      stored: entriesFrom(1, 1, 1),
      hardState: { term: term(2), commit: index(1) }
    })
    candidate.raft.campaign()
    const asked = candidate.work().find(({ to }) => to === voter.id)!
    const [refusal] = voter.receive(asked)
    expect(refusal).toMatchObject({ granted: false, term: 1 })
    candidate.receive(refusal!)
    expect(candidate.status).toMatchObject({ term: 2, commit: 2 })
  })

  it.each([false, true])(
    "that tells a candidate of its own removal ends its candidacy (pre-vote: %s)",
    (preVote) => {
      const removal = MembershipChange.encode({
        transition: "auto",
        steps: [{ action: "remove", member: member(4) }],
        context: new Uint8Array(0)
      })
      const change = { ...at(1, 2), kind: "membership", data: removal } as const
      const candidate = new Node({
        id: member(4),
        voters: [1, 2, 3, 4],
        preVote,
        stored: [...entriesFrom(1, 1), change],
        hardState: { term: term(1), commit: index(1) }
      })
      candidate.raft.campaign()
      candidate.work()
      const { role, term: asked } = candidate.status
      const _tag = role === "Candidate" ? "VoteResponse" : "PreVoteResponse"
      const inTerm = role === "Candidate" ? asked : asked + 1
      candidate.receive({ _tag, ...answer(1, asked, false), committed: at(1, 2) })
      expect(candidate.status).toMatchObject({ role: "Follower", commit: 2, applied: 2 })
      for (const from of [2, 3]) candidate.receive({ _tag, ...answer(from, inTerm, true) })
      expect(candidate.status.role).toBe("Follower")
      candidate.tick(50)
      expect(candidate.status).toMatchObject({ role: "Follower", term: asked })
    }
  )

  it("that comes late brings nothing to a leader, which counts for itself", () => {
    const leader = new Node({
      stored: entriesFrom(1, 1, 1),
      hardState: { term: term(1), commit: index(1) }
    })
    leader.raft.campaign()
    leader.work()
    leader.receive({ ...answer(2, 2, true), _tag: "VoteResponse" })
    expect(leader.status.role).toBe("Leader")
    leader.receive({ ...answer(3, 2, false), _tag: "VoteResponse", committed: at(1, 2) })
    expect(leader.status.commit).toBe(1)
  })
})
