/** How a leader feeds its members: probing, the window, rejections, snapshots (thesis §3.5, §5). */
import { describe, expect, it } from "vitest"
import * as Entry from "../../../src/domain/raft/Entry.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import {
  append,
  at,
  draft,
  entriesFrom,
  entry,
  type Incoming,
  index,
  member,
  members,
  Node,
  only,
  type Start,
  settle,
  term
} from "./support/Fixture.ts"

const size = Entry.bytesOf(entry(1, 1, "x"))

const elected = (start: Start = {}) => {
  const node = new Node(start)
  node.raft.campaign()
  node.work()
  node.grantAll()
  return node
}

const flowOf = (node: Node, peer: number) => node.status.progress.get(member(peer))

const reject = (
  from: number,
  indexOf: number,
  hint: ReturnType<typeof at>,
  inTerm = 1
): Incoming => ({
  _tag: "AppendResponse",
  from: member(from),
  term: term(inTerm),
  index: index(indexOf),
  rejectionHint: hint
})

const heartbeatResponse = (from: number, inTerm = 1): Incoming => ({
  _tag: "HeartbeatResponse",
  from: member(from),
  term: term(inTerm),
  readPosition: 0
})

describe("a probed member", () => {
  it("gets one append per sign of life", () => {
    const node = elected()
    expect(flowOf(node, 2)).toMatchObject({ flow: "Probe", isPaused: true })
    expect(only("Append", node.propose("a"))).toEqual([])
    expect(only("Append", node.receive(heartbeatResponse(2)))).toHaveLength(1)
    expect(only("Append", node.propose("b"))).toEqual([])
  })

  it("is replicated to once it has answered", () => {
    const node = elected()
    node.raft.propose([draft("a"), draft("b")])
    const appends = only("Append", node.acknowledge(2, 1)).filter(({ to }) => to === 2)
    expect(flowOf(node, 2)).toMatchObject({ flow: "Replicate", match: 1, next: 4 })
    expect(appends.flatMap(({ entries }) => entries.map((each) => each.index))).toEqual([2, 3])
  })

  it("that refuses is probed at its hint, skipping whole terms", () => {
    const stored = entriesFrom(1, 1, 3, 3, 3, 5, 5, 5, 5, 5)
    const node = elected({ stored, hardState: { term: term(5) } })
    const [probe] = only("Append", node.receive(reject(2, 9, at(2, 6), 6)))
    expect(probe?.previous).toEqual(at(1, 1))
  })

  it("names a hint that skips whole terms of its own", () => {
    const stored = entriesFrom(1, 1, 3, 3, 4, 4, 5, 5, 5, 6)
    const node = new Node({ stored, hardState: { term: term(6) } })
    const [answer] = node.receive(append(2, 7, { previous: at(3, 8) }))
    expect(answer).toMatchObject({ index: 8, rejectionHint: at(3, 3) })
  })
})

describe("a replicating member", () => {
  const replicating = (start: Start = {}) => {
    const node = new Node({ inflightMessagesMax: 3, ...start }).lead()
    expect(flowOf(node, 2)).toMatchObject({ flow: "Replicate", match: 1 })
    return node
  }

  it("gets appends ahead of its answers until the window is full", () => {
    const node = replicating()
    const counts = ["a", "b", "c", "d", "e"].map(
      (content) => only("Append", node.propose(content)).filter(({ to }) => to === 2).length
    )
    expect(counts).toEqual([1, 1, 1, 0, 0])
    expect(flowOf(node, 2)).toMatchObject({
      isPaused: true,
      inflightCount: 3,
      isInflightFull: true
    })
  })

  it("gets the rest when it acknowledges", () => {
    const node = replicating({ messageBytesMax: 0 })
    for (const content of ["a", "b", "c", "d", "e"]) node.propose(content)
    const appends = only("Append", node.acknowledge(2, 3)).filter(
      ({ entries, to }) => to === 2 && entries.length > 0
    )
    expect(appends.map(({ entries }) => entries[0]?.index)).toEqual([5, 6])
    expect(flowOf(node, 2)).toMatchObject({ inflightCount: 3 })
  })

  it("with a full window gets an empty append after a sign of life", () => {
    const node = replicating()
    for (const content of ["a", "b", "c", "d"]) node.propose(content)
    const appends = only("Append", node.receive(heartbeatResponse(2)))
    expect(appends.map(({ entries, previous }) => [previous.index, entries.length])).toEqual([
      [4, 0]
    ])
    expect(node.receive(heartbeatResponse(2))).toHaveLength(1)
  })

  it("is limited by bytes as well", () => {
    const node = replicating({ messageBytesMax: 4, inflightBytesMax: 5 })
    const count = () => only("Append", node.propose("xxxx")).filter(({ to }) => to === 2).length
    expect([count(), count(), count()]).toEqual([1, 1, 0])
  })

  it("gets entries in appends of limited size", () => {
    const node = elected({ messageBytesMax: 2 * size })
    node.raft.propose(["a", "b", "c", "d", "e"].map((content) => draft(content)))
    const appends = only("Append", node.acknowledge(2, 1)).filter(
      ({ entries, to }) => to === 2 && entries.length > 0
    )
    expect(appends.map(({ entries }) => entries.length)).toEqual([2, 2, 1])
  })

  it("is probed again when it is unreachable or refuses", () => {
    const node = replicating()
    node.propose("a")
    node.raft.reportUnreachable(member(2))
    expect(flowOf(node, 2)).toMatchObject({ flow: "Probe", next: 2 })
    const other = replicating()
    other.propose("a")
    other.receive(reject(2, 2, at(1, 1)))
    expect(flowOf(other, 2)).toMatchObject({ flow: "Probe", match: 1, next: 2, isPaused: true })
  })

  it("is not troubled by a refusal that comes late", () => {
    const node = replicating()
    node.propose("a")
    node.acknowledge(2, 2)
    node.receive(reject(2, 1, at(0, 0)))
    expect(flowOf(node, 2)).toMatchObject({ flow: "Replicate", match: 2, next: 3 })
  })

  it("is never told a commit index beyond what it is known to hold by a heartbeat", () => {
    const node = elected()
    node.acknowledge(2, 1)
    const heartbeats = only("Heartbeat", node.tick())
    expect(heartbeats.map(({ commit, to }) => [to, commit])).toEqual([
      [2, 1],
      [3, 0]
    ])
  })
})

describe("a member that needs entries that are gone", () => {
  const compacted = () => {
    const node = new Node({ inflightMessagesMax: 3 }).lead()
    for (const content of ["a", "b", "c"]) node.propose(content)
    node.acknowledgeAll(2)
    node.log.compactThrough(index(3))
    const snapshot = { ...at(1, 4), membership: node.status.membership }
    node.log.snapshotToSend = () => snapshot
    return { node, snapshot }
  }

  it("is sent a snapshot, and nothing else meanwhile", () => {
    const { node, snapshot } = compacted()
    const sent = node.receive(reject(3, 2, at(0, 0)))
    expect(only("InstallSnapshot", sent)).toMatchObject([{ to: 3, snapshot }])
    expect(flowOf(node, 3)).toMatchObject({ flow: "Snapshot", pendingSnapshot: 4, isPaused: true })
    expect(only("Append", node.propose("d")).map(({ to }) => to)).toEqual([2])
    expect(only("Append", node.receive(heartbeatResponse(3)))).toEqual([])
  })

  it("is sent none while it is silent, or while there is none", () => {
    const { node } = compacted()
    node.log.snapshotToSend = () => undefined
    expect(only("InstallSnapshot", node.receive(reject(3, 2, at(0, 0))))).toEqual([])
    expect(flowOf(node, 3)).toMatchObject({ flow: "Probe", next: 2, match: 1 })
  })

  it("is replicated to as soon as it has reached the log, by whatever way", () => {
    const { node } = compacted()
    node.receive(reject(3, 2, at(0, 0)))
    node.acknowledge(3, 3)
    expect(flowOf(node, 3)).toMatchObject({ flow: "Replicate", match: 3 })
  })

  it("is probed behind the snapshot when it was delivered, and before it when not", () => {
    for (const [outcome, next] of [
      ["delivered", 5],
      ["failed", 2]
    ] as const) {
      const { node } = compacted()
      node.receive(reject(3, 2, at(0, 0)))
      node.raft.reportSnapshot(member(3), outcome)
      expect(flowOf(node, 3)).toMatchObject({ flow: "Probe", next, isPaused: true })
    }
  })
})

describe("a member that is sent a snapshot", () => {
  const membership = Membership.make(members(1, 2, 3, 4))
  const install = (indexOf: number, termOf = 1, of = membership): Incoming => ({
    _tag: "InstallSnapshot",
    from: member(2),
    term: term(1),
    snapshot: { ...at(termOf, indexOf), membership: of }
  })

  it("replaces its log and its configuration, and acknowledges after it was installed", () => {
    const node = new Node({ stored: entriesFrom(1, 1, 1) })
    node.raft.step({ ...install(5), to: node.id } as Parameters<typeof node.raft.step>[0])
    const ready = node.raft.ready()
    expect(ready).toMatchObject({
      snapshot: { index: 5 },
      entries: [],
      committedEntries: [],
      hardState: { commit: 5 },
      messages: [{ _tag: "AppendResponse", index: 5, rejectionHint: undefined }]
    })
    node.persist(ready)
    node.raft.advance(ready)
    expect(node.status).toMatchObject({ applied: 5, commit: 5, firstIndex: 6, lastIndex: 5 })
    expect(node.status.membership).toEqual(membership)
  })

  it("ignores one that is old, and says how far it is", () => {
    const node = new Node({ stored: entriesFrom(1, 1, 1, 1), hardState: { commit: index(3) } })
    expect(node.receive(install(3))).toMatchObject([{ index: 3 }])
    expect(node.readies.flatMap(({ snapshot }) => snapshot ?? [])).toEqual([])
  })

  it("only commits where its log has all of it already", () => {
    const node = new Node({ stored: entriesFrom(1, 1, 1, 1) })
    expect(node.receive(install(2))).toMatchObject([{ index: 2 }])
    expect(node.status).toMatchObject({
      commit: 2,
      lastIndex: 3,
      membership: { voters: [1, 2, 3] }
    })
  })

  it("ignores one of a configuration it has no place in", () => {
    const node = new Node({ stored: entriesFrom(1, 1) })
    node.receive(install(5, 1, Membership.make(members(2, 3))))
    expect(node.status).toMatchObject({ commit: 0, lastIndex: 1 })
  })

  it("goes on with the log behind it", () => {
    const leader = elected()
    for (const content of ["a", "b"]) leader.propose(content)
    leader.acknowledgeAll(2)
    leader.log.compactThrough(index(3))
    leader.log.snapshotToSend = () => ({ ...at(1, 3), membership: leader.status.membership })
    const empty = new Node({ id: member(3) })
    leader.propose("c")
    for (let round = 0; round < 3; round++) {
      leader.raft.tick()
      settle([leader, empty])
    }
    expect(empty.status).toMatchObject({ lastIndex: 4, firstIndex: 4 })
    expect(flowOf(leader, 3)).toMatchObject({ flow: "Replicate", match: 4 })
  })
})
