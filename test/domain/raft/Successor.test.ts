import { describe, expect, it } from "@effect/vitest"
import type { LogIndex, MemberId } from "../../../src/domain/Ids.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import type { PeerStatus } from "../../../src/domain/raft/Status.ts"
import { successorOf } from "../../../src/domain/raft/Successor.ts"

const id = (number: number) => number as MemberId

const peer = (match: number, isRecentlyActive = true): PeerStatus => ({
  match: match as LogIndex,
  next: (match + 1) as LogIndex,
  flow: "Replicate",
  isPaused: false,
  isRecentlyActive,
  pendingSnapshot: undefined,
  inflightCount: 0,
  isInflightFull: false
})

const successor = (peers: Readonly<Record<number, PeerStatus>>, learners: Array<number> = []) =>
  successorOf({
    id: id(1),
    membership: Membership.make(
      [1, 2, 3].filter((number) => !learners.includes(number)).map(id),
      learners.map(id)
    ),
    progress: new Map(Object.entries(peers).map(([number, status]) => [id(+number), status]))
  })

describe("the successor of a leader that stops", () => {
  it("is the voter that is furthest, of those that were heard lately", () => {
    expect(successor({ 1: peer(9), 2: peer(7), 3: peer(8) })).toBe(3)
    expect(successor({ 1: peer(9), 2: peer(7), 3: peer(8, false) })).toBe(2)
    expect(successor({ 1: peer(9), 2: peer(7), 3: peer(9) }, [3])).toBe(2)
  })

  it("is nobody where nobody can take over", () => {
    expect(successor({})).toBeUndefined()
    expect(successor({ 1: peer(9) })).toBeUndefined()
    expect(successor({ 1: peer(9), 2: peer(9, false), 3: peer(9, false) })).toBeUndefined()
  })
})
