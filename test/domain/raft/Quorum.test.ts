import { describe, expect, it } from "vitest"
import type { LogIndex, MemberId } from "../../../src/domain/Ids.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as Quorum from "../../../src/domain/raft/Quorum.ts"
import * as Random from "./support/Random.ts"

const member = (id: number) => id as MemberId
const lookup = (indexes: ReadonlyMap<MemberId, LogIndex>) => (id: MemberId) => indexes.get(id)

/** Every subset that has more than half of the voters. */
function majoritiesOf(voters: ReadonlyArray<MemberId>): ReadonlyArray<ReadonlyArray<MemberId>> {
  let subsets: ReadonlyArray<ReadonlyArray<MemberId>> = [[]]
  for (const id of voters) {
    subsets = subsets.flatMap((subset) => [subset, [...subset, id]])
  }
  return subsets.filter((subset) => subset.length * 2 > voters.length)
}

/** The model: an index is committed if all of some majority have it. */
function modelIndex(
  voters: ReadonlyArray<MemberId>,
  indexes: ReadonlyMap<MemberId, LogIndex>
): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  return Math.max(
    ...majoritiesOf(voters).map((majority) =>
      Math.min(...majority.map((id) => indexes.get(id) ?? 0))
    )
  )
}

/** The model: tries every way in which those who are silent could still vote. */
function modelVote(joint: Quorum.JointVoters, votes: ReadonlyMap<MemberId, boolean>) {
  const halves = [joint.voters, joint.votersOutgoing]
  const wins = (granted: (id: MemberId) => boolean) =>
    halves.every(
      (half) => half.length === 0 || majoritiesOf(half).some((majority) => majority.every(granted))
    )
  const canWin = wins((id) => votes.get(id) ?? true)
  if (!canWin) return "lost"
  return wins((id) => votes.get(id) ?? false) ? "won" : "pending"
}

function randomCase(seed: number) {
  const random = Random.make(seed)
  const ids = [1, 2, 3, 4, 5, 6, 7].map(member)
  const some = (most: number) => random.shuffled(ids).slice(0, random.between(0, most + 1))
  const joint = {
    voters: Membership.sorted(some(5)),
    votersOutgoing: random.chance(0.5) ? Membership.sorted(some(5)) : []
  }
  const known = ids.filter(() => random.chance(0.8))
  const indexes = new Map(known.map((id) => [id, random.between(0, 12) as LogIndex]))
  const votes = new Map(known.map((id) => [id, random.chance(0.6)]))
  return { joint, indexes, votes }
}

describe("Quorum", () => {
  it("commits what some majority of each half holds, and no more", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const { indexes, joint } = randomCase(seed)
      const expected = Math.min(
        modelIndex(joint.voters, indexes),
        modelIndex(joint.votersOutgoing, indexes)
      )
      expect(Quorum.committedIndex(joint, lookup(indexes)), `seed ${seed}`).toBe(expected)
    }
  })

  it("decides an election exactly when the silent can no longer change it", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const { joint, votes } = randomCase(seed)
      expect(Quorum.voteResult(joint, votes), `seed ${seed}`).toBe(modelVote(joint, votes))
    }
  })

  it("counts only voters", () => {
    const joint = { voters: [1, 2, 3].map(member), votersOutgoing: [] }
    const votes = new Map([1, 4, 5, 6].map((id) => [member(id), true]))
    expect(Quorum.voteResult(joint, votes)).toBe("pending")
  })
})
