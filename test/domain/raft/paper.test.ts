/** What the Raft thesis says, one test per claim, titled by its section. */
import { describe, expect, it } from "vitest"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
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
  ({ _tag: "VoteResponse", from: member(from), term: term(inTerm), granted }) as const

const requestVote = (from: number, inTerm: number, last = at(0, 0)) =>
  ({ _tag: "Vote", from: member(from), term: term(inTerm), last, isTransfer: false }) as const

const positionsOf = (entries: ReadonlyArray<Entry>) =>
  entries.map((each) => [each.index, each.term])

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

  const elections: Array<[number, ReadonlyArray<[number, boolean]>, string]> = [
    [1, [], "Leader"],
    [3, [[2, true]], "Leader"],
    [3, [[3, true]], "Leader"],
    [
      5,
      [
        [2, true],
        [3, true]
      ],
      "Leader"
    ],
    [
      5,
      [
        [2, false],
        [3, false],
        [4, true],
        [5, true]
      ],
      "Leader"
    ],
    [
      3,
      [
        [2, false],
        [3, false]
      ],
      "Follower"
    ],
    [
      5,
      [
        [2, false],
        [3, false],
        [4, false]
      ],
      "Follower"
    ],
    [
      5,
      [
        [2, true],
        [3, false],
        [4, false],
        [5, false]
      ],
      "Follower"
    ],
    [3, [], "Candidate"],
    [3, [[2, false]], "Candidate"],
    [5, [[2, true]], "Candidate"],
    [
      5,
      [
        [2, false],
        [3, false]
      ],
      "Candidate"
    ]
  ]
  it.each(elections)("of %i voters, after %j, the candidate is %s", (count, votes, role) => {
    const node = campaigning({ voters: voters(count) })
    for (const [from, granted] of votes) node.receive(vote(from, 1, granted))
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

describe("§3.5 log replication", () => {
  it("a leader appends a proposal and sends it to all, naming the entry before it", () => {
    const node = new Node().lead()
    const appends = only("Append", node.propose("some"))
    expect(appends.map(({ to }) => to)).toEqual([2, 3])
    for (const { commit, entries, previous } of appends) {
      expect([previous, commit]).toEqual([at(1, 1), 1])
      expect(entries.map((each) => [each.term, each.index, text(each)])).toEqual([[1, 2, "some"]])
    }
    expect(node.log.all().map(text)).toEqual(["", "some"])
    expect(node.status.commit).toBe(1)
  })

  it("an entry that is safely replicated is committed, applied, and told to the others", () => {
    const node = new Node().lead()
    node.propose("some")
    const after = node.acknowledge(2, 2)
    expect(node.applied.map(text)).toEqual(["", "some"])
    expect(only("Append", after).map(({ commit, to }) => [to, commit])).toEqual([
      [2, 2],
      [3, 2]
    ])
  })

  const acknowledgements: Array<[number, ReadonlyArray<number>, boolean]> = [
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4, 5], true]
  ]
  it.each(acknowledgements)("of %i, acknowledged by %j: committed is %s", (count, by, expected) => {
    const node = new Node({ voters: voters(count) }).lead()
    node.propose("some")
    if (by.length > 0) node.acknowledgeAll(...by)
    expect(node.status.commit === 2).toBe(expected)
  })

  it.each([[[]], [[2]], [[1, 2]], [[1]]])(
    "committing an entry commits all before it, also those of earlier leaders: %j",
    (terms: Array<number>) => {
      const stored = entriesFrom(1, ...terms)
      const node = new Node({ stored, hardState: { term: term(2) } }).lead()
      expect(positionsOf(node.applied)).toEqual([...positionsOf(stored), [stored.length + 1, 3]])
    }
  )

  it.each([
    [[1], 1],
    [[1, 1], 2],
    [[1, 1], 1]
  ])("a follower applies what it learns is committed: %j up to %i", (terms, commit) => {
    const node = new Node()
    const entries = entriesFrom(1, ...terms)
    node.receive(append(2, 1, { entries, commit: index(commit) }))
    expect(node.status.commit).toBe(commit)
    expect(node.applied).toEqual(entries.slice(0, commit))
  })

  const stored = entriesFrom(1, 1, 2)
  const matches: Array<[ReturnType<typeof at>, number, ReturnType<typeof at> | undefined]> = [
    [at(0, 0), 1, undefined],
    [at(1, 1), 1, undefined],
    [at(2, 2), 2, undefined],
    [at(1, 2), 2, at(1, 1)],
    [at(3, 3), 3, at(2, 2)]
  ]
  it.each(matches)("an append after %o is answered with %i, hint %o", (previous, answer, hint) => {
    const node = new Node({ stored, hardState: { commit: index(1) } })
    const [response] = node.receive(append(2, 2, { previous }))
    expect(response).toMatchObject({
      _tag: "AppendResponse",
      to: 2,
      term: 2,
      index: answer,
      rejectionHint: hint
    })
  })

  const conflicts: Array<
    [ReturnType<typeof at>, ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>]
  > = [
    [at(2, 2), [3], [1, 2, 3], [3]],
    [at(1, 1), [3, 4], [1, 3, 4], [3, 4]],
    [at(0, 0), [1], [1, 2], []],
    [at(0, 0), [3], [3], [3]]
  ]
  it.each(conflicts)("an append after %o of terms %j", (previous, terms, log, written) => {
    const node = new Node({ stored, hardState: { term: term(2) } })
    node.receive(append(2, 5, { previous, entries: entriesFrom(previous.index + 1, ...terms) }))
    expect(node.log.all().map((each) => each.term)).toEqual(log)
    expect(node.readies.flatMap((ready) => ready.entries).map((each) => each.term)).toEqual(written)
  })

  const leaderLog = entriesFrom(1, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
  it.each([
    [[1, 1, 1, 4, 4, 5, 5, 6, 6]],
    [[1, 1, 1, 4]],
    [[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    [[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    [[1, 1, 1, 4, 4, 4, 4]],
    [[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]]
  ])("figure 3.6: a leader brings a follower with %j to its own log", (terms) => {
    const leader = new Node({
      stored: leaderLog,
      hardState: { term: term(8), commit: index(10) }
    })
    const follower = new Node({
      id: member(2),
      stored: entriesFrom(1, ...terms),
      hardState: { term: term(7) }
    })
    leader.raft.campaign()
    leader.work()
    leader.receive(vote(3, 9, true))
    // What the leader sent until now went nowhere, because there was no network yet.
    for (const message of leader.sent) if (message.to === 2) follower.raft.step(message)
    settle([leader, follower])
    expect(positionsOf(follower.entries())).toEqual(positionsOf(leader.entries()))
    expect(follower.status.commit).toBe(11)
  })
})

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
