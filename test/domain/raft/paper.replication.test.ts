/** What the Raft thesis says on the replication of the log, one test per claim. */
import { describe, expect, it } from "vitest"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import {
  append,
  at,
  entriesFrom,
  index,
  member,
  Node,
  only,
  settle,
  term,
  text
} from "./support/Fixture.ts"

const voters = (count: number) => Array.from({ length: count }, (_, position) => position + 1)

const positionsOf = (entries: ReadonlyArray<Entry>) =>
  entries.map((each) => [each.index, each.term])

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
    leader.receive({
      _tag: "VoteResponse",
      from: member(3),
      term: term(9),
      granted: true,
      committed: undefined
    })
    // What the leader sent until now went nowhere, because there was no network yet.
    for (const message of leader.sent) if (message.to === 2) follower.raft.step(message)
    settle([leader, follower])
    expect(positionsOf(follower.entries())).toEqual(positionsOf(leader.entries()))
    expect(follower.status.commit).toBe(11)
  })
})
