/**
 * What the Raft thesis says, one test per claim, titled by its section. The claims of §3.5, on the
 * replication of the log, are in `paper.replication.test.ts`.
 */
import { describe, expect, it } from "vitest"
import type { Message } from "../../../src/domain/raft/Message.ts"
import {
  append,
  at,
  cluster,
  entriesFrom,
  index,
  member,
  Node,
  only,
  type Start,
  settle,
  term,
  text
} from "./support/Fixture.ts"
import * as Random from "./support/Random.ts"

const voters = (count: number) => Array.from({ length: count }, (_, position) => position + 1)

const campaigning = (start: Start = {}): Node => {
  const node = new Node(start)
  node.raft.campaign()
  node.work()
  return node
}

const following = (leader: number, inTerm: number, start: Start = {}): Node => {
  const node = new Node(start)
  node.receive({
    _tag: "Heartbeat",
    from: member(leader),
    term: term(inTerm),
    commit: index(0),
    readPosition: 0
  })
  return node
}

const vote = (from: number, inTerm: number, granted: boolean) =>
  ({
    _tag: "VoteResponse",
    from: member(from),
    term: term(inTerm),
    granted,
    committed: undefined
  }) as const

const requestVote = (from: number, inTerm: number, last = at(0, 0)) =>
  ({ _tag: "Vote", from: member(from), term: term(inTerm), last, isTransfer: false }) as const

describe("§3.3 terms", () => {
  const roles = {
    Follower: () => following(2, 1),
    Candidate: () => campaigning(),
    Leader: () => new Node().lead()
  }
  it.each(Object.entries(roles))("a %s that sees a later term enters it as follower", (_, make) => {
    const node = make()
    node.receive(append(2, 2))
    expect(node.status).toMatchObject({ term: 2, role: "Follower", leader: 2, vote: undefined })
  })

  it("a request of an earlier term is refused: nothing changes", () => {
    const node = new Node({ hardState: { term: term(2) } })
    node.receive(append(2, 1, { entries: entriesFrom(1, 1), commit: index(1) }))
    node.receive(requestVote(3, 1))
    expect(node.status).toMatchObject({ term: 2, leader: undefined, lastIndex: 0, commit: 0 })
    expect(node.sent).toEqual([])
  })
})

describe("§3.4 leader election", () => {
  it("servers start up as followers", () => {
    expect(new Node().status).toMatchObject({ role: "Follower", leader: undefined, term: 0 })
  })

  it("a leader sends heartbeats to all followers to keep its authority", () => {
    const node = new Node().lead()
    const heartbeats = node.tick()
    expect(heartbeats.map((message) => [message._tag, message.to])).toEqual([
      ["Heartbeat", 2],
      ["Heartbeat", 3]
    ])
  })

  it.each([
    ["follower", () => following(2, 1)],
    ["candidate", () => campaigning()]
  ])("a %s that hears nobody enters the next term and asks all for their votes", (_, make) => {
    const node = make()
    expect(node.tick(9)).toEqual([])
    const requests = only("Vote", node.tick())
    expect(node.status).toMatchObject({ term: 2, role: "Candidate", vote: 1 })
    expect(requests.map(({ from, last, term, to }) => [from, to, term, last])).toEqual([
      [1, 2, 2, at(0, 0)],
      [1, 3, 2, at(0, 0)]
    ])
  })

  /** The answers of voters 2, 3, … in order: yes, no, none yet. */
  const elections: Array<[number, string, string]> = [
    [1, "", "Leader"],
    [3, "y_", "Leader"],
    [3, "_y", "Leader"],
    [5, "yy__", "Leader"],
    [5, "nnyy", "Leader"],
    [3, "nn", "Follower"],
    [5, "nnn_", "Follower"],
    [5, "ynnn", "Follower"],
    [3, "__", "Candidate"],
    [3, "n_", "Candidate"],
    [5, "y___", "Candidate"],
    [5, "nn__", "Candidate"]
  ]
  it.each(elections)("of %i voters, after '%s', the candidate is %s", (count, answers, role) => {
    const node = campaigning({ voters: voters(count) })
    for (const [position, answer] of [...answers].entries()) {
      if (answer !== "_") node.receive(vote(position + 2, 1, answer === "y"))
    }
    expect(node.status).toMatchObject({ role, term: 1 })
  })

  it("a voter's second answer does not count", () => {
    const node = campaigning({ voters: voters(5) })
    node.receive(vote(2, 1, true))
    node.receive(vote(2, 1, true))
    expect(node.status.role).toBe("Candidate")
  })

  const ballots: Array<[number | undefined, number, boolean]> = [
    [undefined, 2, true],
    [undefined, 3, true],
    [2, 2, true],
    [3, 3, true],
    [2, 3, false],
    [3, 2, false]
  ]
  it.each(ballots)(
    "a server that voted for %s, asked by %i, grants: %s",
    (voted, asked, granted) => {
      const vote = voted === undefined ? undefined : member(voted)
      const node = new Node({ hardState: { term: term(1), vote } })
      const [answer] = node.receive(requestVote(asked, 1))
      expect(answer).toMatchObject({ _tag: "VoteResponse", to: asked, term: 1, granted })
    }
  )

  it.each([1, 2])("a candidate that hears a leader of term %i gives up", (inTerm) => {
    const node = campaigning()
    node.receive(append(2, inTerm))
    expect(node.status).toMatchObject({ role: "Follower", leader: 2, term: inTerm })
  })

  it.each([
    ["followers", (node: Node) => following(2, 1, { id: node.id, ...jittered(node.id) })],
    ["candidates", (node: Node) => campaigning({ id: node.id, ...jittered(node.id) })]
  ])("%s choose their time-outs at random within the interval", (_, make) => {
    const node = make(new Node())
    const seen = new Set<number>()
    for (let round = 0; round < 500; round++) {
      let ticks = 0
      const { term: before } = node.status
      while (node.status.term === before) {
        node.tick()
        ticks++
      }
      seen.add(ticks)
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(voters(10).map((each) => each + 9))
  })

  it("so a split vote is rare: mostly one server times out first", () => {
    const nodes = voters(5).map((id) => new Node({ id: member(id), ...jittered(id) }))
    let conflicts = 0
    for (let round = 0; round < 500; round++) {
      const inTerm = Math.max(...nodes.map(({ status }) => status.term)) + 1
      for (const node of nodes) node.receive(append(node.id === 2 ? 3 : 2, inTerm))
      let first = 0
      while (first === 0) {
        for (const node of nodes) node.raft.tick()
        first = nodes.filter(({ status }) => status.role === "Candidate").length
      }
      if (first > 1) conflicts++
      for (const node of nodes) node.work()
    }
    expect(conflicts / 500).toBeLessThan(0.35)
  })
})

const jittered = (seed: number): Start => {
  const random = Random.make(seed)
  return { randomizedElectionTicks: () => random.between(10, 20) }
}

describe("§3.6.1 election restriction", () => {
  it.each([
    [[1], 2],
    [[1, 2], 3]
  ])("a request for a vote tells where the log ends: %j", (terms, nextTerm) => {
    const node = new Node()
    node.receive(append(2, nextTerm - 1, { entries: entriesFrom(1, ...terms) }))
    const requests = only("Vote", node.tick(10))
    expect(requests.map(({ last, term, to }) => [to, term, last])).toEqual(
      [2, 3].map((to) => [to, nextTerm, at(terms.at(-1)!, terms.length)])
    )
  })

  const restrictions: Array<[ReadonlyArray<number>, ReturnType<typeof at>, boolean]> = [
    [[1], at(1, 1), true],
    [[1], at(1, 2), true],
    [[1, 1], at(1, 1), false],
    [[1], at(2, 1), true],
    [[1], at(2, 2), true],
    [[1, 1], at(2, 1), true],
    [[2], at(1, 1), false],
    [[2], at(1, 2), false],
    [[1, 2], at(1, 3), false]
  ]
  it.each(restrictions)("a voter with %j grants a candidate at %o: %s", (terms, last, granted) => {
    const node = new Node({ stored: entriesFrom(1, ...terms) })
    expect(node.receive(requestVote(2, 3, last))).toMatchObject([{ _tag: "VoteResponse", granted }])
  })
})

describe("§3.6.2 committing entries from previous terms", () => {
  const stored = entriesFrom(1, 1, 2)
  const elected = (start: Start = {}): Node => {
    const node = campaigning({ stored, hardState: { term: term(2) }, ...start })
    node.receive(vote(2, 3, true))
    return node
  }

  it.each([
    [1, 0],
    [2, 0],
    [3, 3]
  ])(
    "a majority that holds %i commits %i: only entries of the leader's term count",
    (held, commit) => {
      const node = elected()
      node.acknowledge(2, held)
      expect(node.status.commit).toBe(commit)
    }
  )

  it("the planted bug counts them", () => {
    const node = elected({ plantedBug: "commitsEarlierTerms" })
    node.acknowledge(2, 2)
    expect(node.status.commit).toBe(2)
  })
})

describe("§3.8 persisted state", () => {
  it("a vote leaves with the write that makes it durable, and not before", () => {
    const node = new Node()
    node.raft.step({ ...requestVote(2, 1), to: node.id })
    const ready = node.raft.ready()
    expect(ready).toMatchObject({
      mustSync: true,
      hardState: { term: 1, vote: 2 },
      messages: [{ _tag: "VoteResponse", granted: true }]
    })
  })

  it("an acknowledgement leaves with the entries it vouches for", () => {
    const node = following(2, 1)
    const entries = entriesFrom(1, 1, 1)
    node.raft.step({ ...append(2, 1, { entries }), to: node.id } as Message)
    const ready = node.raft.ready()
    expect(ready).toMatchObject({
      mustSync: true,
      entries,
      messages: [{ _tag: "AppendResponse", index: 2 }]
    })
  })

  it("a member votes the same way after a restart", () => {
    const before = new Node()
    before.receive(requestVote(2, 1))
    const after = new Node({ hardState: before.log.hardState })
    expect(after.receive(requestVote(3, 1))).toMatchObject([{ granted: false }])
    expect(after.receive(requestVote(2, 1))).toMatchObject([{ granted: true }])
  })
})

describe("§10.2.1 writing to the leader's disk in parallel", () => {
  it("a leader counts its own copy only once it is persisted", () => {
    const node = new Node({ voters: [1] })
    node.raft.campaign()
    node.work()
    node.raft.propose([{ kind: "normal", data: new Uint8Array(1) }])
    const ready = node.raft.ready()
    expect(node.status.commit).toBe(1)
    node.persist(ready)
    expect(node.status.commit).toBe(1)
    node.raft.advance(ready)
    expect(node.status.commit).toBe(2)
  })

  it("a candidate counts its own vote only once it is persisted", () => {
    const node = new Node({ voters: [1] })
    node.raft.campaign()
    expect(node.status.role).toBe("Candidate")
    node.workOnce()
    expect(node.status.role).toBe("Leader")
  })
})

describe("§3.3 the whole", () => {
  it.each([1, 3, 5])("%i servers elect a leader and replicate through it", (count) => {
    const nodes = cluster(count)
    nodes[0]!.raft.campaign()
    settle(nodes)
    nodes[0]!.raft.propose([{ kind: "normal", data: new TextEncoder().encode("x") }])
    settle(nodes)
    for (const node of nodes) {
      expect(node.applied.map(text)).toEqual(["", "x"])
      expect(node.status.leader).toBe(1)
    }
  })

  it("a deterministic machine: equal inputs, equal outputs", () => {
    const outputs = [1, 2].map(() => {
      const nodes = cluster(3)
      nodes[1]!.raft.campaign()
      settle(nodes)
      return JSON.stringify(nodes.map(({ readies }) => readies))
    })
    expect(outputs[0]).toBe(outputs[1])
  })
})
