import { describe, expect, it } from "vitest"
import * as Limits from "../../../src/domain/Limits.ts"
import type { Message } from "../../../src/domain/raft/Message.ts"
import type { Implausible } from "../../../src/domain/raft/Plausibility.ts"
import {
  append,
  at,
  entriesFrom,
  entry,
  type Incoming,
  index,
  member,
  Node,
  term
} from "./support/Fixture.ts"

const problemOf = (node: Node, message: Incoming) =>
  node.raft.problemOf({ to: node.id, ...message } as Message)

/** Leads term 1 with three entries, all held by everybody. */
const leader = () => {
  const node = new Node().lead()
  node.propose("a", "b")
  node.acknowledgeAll()
  return node
}
const follower = () => new Node({ stored: entriesFrom(1, 1, 1, 2), hardState: { term: term(2) } })

const heartbeat = (inTerm: number, commit: number): Incoming => ({
  _tag: "Heartbeat",
  from: member(2),
  term: term(inTerm),
  commit: index(commit),
  readPosition: 0
})
const acknowledgement = (inTerm: number, through: number): Incoming => ({
  _tag: "AppendResponse",
  from: member(2),
  term: term(inTerm),
  index: index(through),
  rejectionHint: undefined
})
const confirmation = (readPosition: number): Incoming => ({
  _tag: "HeartbeatResponse",
  from: member(2),
  term: term(1),
  readPosition
})

describe("a message that no correct member can have sent", () => {
  const refused: ReadonlyArray<[string, Implausible, () => Node, Incoming]> = [
    ["from this member itself", "misaddressed", follower, append(1, 2)],
    ["to another member", "misaddressed", follower, { ...append(2, 2), to: member(3) }],
    ["of an absurd term", "termTooLarge", follower, append(2, Limits.termMax + 1)],
    ["that claims the term this member leads", "twoLeaders", leader, append(2, 1)],
    ["that says so by a heartbeat", "twoLeaders", leader, heartbeat(1, 1)],
    ["with a commit index beyond the log", "commitBeyondLog", follower, heartbeat(2, 4)],
    ["with one of a later leader", "commitBeyondLog", follower, heartbeat(3, 4)],
    [
      "with entries whose terms fall",
      "termsOutOfOrder",
      follower,
      append(2, 3, { previous: at(2, 3), entries: [entry(3, 4), entry(2, 5)] })
    ],
    [
      "with an entry of an earlier term than the one it follows",
      "termsOutOfOrder",
      follower,
      append(2, 3, { previous: at(2, 3), entries: [entry(1, 4)] })
    ],
    [
      "with an entry of a later term than its leader's",
      "termsOutOfOrder",
      follower,
      append(2, 2, { previous: at(2, 3), entries: [entry(3, 4)] })
    ],
    ["that holds what was never made", "acknowledgesBeyondLog", leader, acknowledgement(1, 4)],
    ["that confirms reads nobody asked", "confirmsBeyondReads", leader, confirmation(1)]
  ]
  it.each(refused)("%s is %s", (_, problem, node, message) => {
    expect(problemOf(node(), message)).toBe(problem)
  })

  const accepted: ReadonlyArray<[string, () => Node, Incoming]> = [
    ["an old heartbeat", follower, heartbeat(1, 9)],
    ["a heartbeat that commits all there is", follower, heartbeat(2, 3)],
    ["an append that does not fit", follower, append(2, 2, { previous: at(2, 9) })],
    ["an append of a later leader to a leader", leader, append(2, 2)],
    ["an acknowledgement of all there is", leader, acknowledgement(1, 3)],
    ["an acknowledgement for an earlier leader", leader, acknowledgement(0, 9)],
    ["a late answer to a heartbeat", leader, confirmation(0)]
  ]
  it.each(accepted)("is not %s", (_, node, message) => {
    expect(problemOf(node(), message)).toBeUndefined()
  })

  it("would stop the core: each of these breaks an invariant when it is stepped all the same", () => {
    for (const [, problem, node, message] of refused) {
      if (problem !== "twoLeaders" && problem !== "commitBeyondLog") continue
      expect(() => node().receive(message)).toThrow()
    }
  })
})
