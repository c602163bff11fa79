import { describe, expect, it } from "vitest"
import type { LogIndex, MemberId } from "../../../src/domain/Ids.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as Quorum from "../../../src/domain/raft/Quorum.ts"
import { type Directive, filesOf, read, valuesOf } from "./interop/DataDriven.ts"
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

describe("etcd's scripts on quorums", () => {
  const { files, missing } = filesOf("quorum")
  if (missing !== undefined) it(missing, (context) => context.skip(missing))

  it.for(files)("$name", (file) => {
    for (const directive of read(file)) {
      const expected = directive.expected.split("\n").map((line) => line.trimEnd())
      const at = `${file.name}.txt:${directive.line}`
      expect(answer(directive).split("\n"), at).toEqual(expected)
    }
  })
})

/** Runs a directive; halves that are swapped must give the same answer. */
function answer(directive: Directive): string {
  const idsOf = (key: string) =>
    valuesOf(directive, key)
      .filter((id) => id !== "" && id !== "zero")
      .map((id) => member(Number(id)))
  const [voters, votersOutgoing] = [idsOf("cfg"), idsOf("cfgj")]
  const ids = [...new Set([...voters, ...votersOutgoing])]
  const swapped = { voters: votersOutgoing, votersOutgoing: voters }
  const [straight, mirrored] = [{ voters, votersOutgoing }, swapped].map((joint) =>
    directive.command === "committed"
      ? committed(joint, ids, valuesOf(directive, "idx"))
      : voted(joint, ids, valuesOf(directive, "votes"))
  )
  expect(mirrored).toBe(straight)
  return straight!
}

/** `_` stands for a voter of whom nothing is known. */
const known = <A>(
  ids: ReadonlyArray<MemberId>,
  values: ReadonlyArray<string>,
  parse: (value: string) => A
): ReadonlyMap<MemberId, A> =>
  new Map(
    ids.flatMap((id, at) => {
      const value = values[at] ?? "_"
      return value === "_" ? [] : [[id, parse(value)] as const]
    })
  )

function committed(
  joint: Quorum.JointVoters,
  ids: ReadonlyArray<MemberId>,
  values: ReadonlyArray<string>
): string {
  const indexes = known(ids, values, (value) => Number(value) as LogIndex)
  const index = Quorum.committedIndex(joint, lookup(indexes))
  return `${table(Membership.sorted(ids), indexes)}${index === Quorum.everyIndex ? "∞" : index}`
}

/** The picture the scripts expect above the result: the longer the bar, the further the voter. */
function table(ids: ReadonlyArray<MemberId>, indexes: ReadonlyMap<MemberId, LogIndex>): string {
  if (ids.length === 0) return "<empty majority quorum>"
  const indexOf = (id: MemberId): number => indexes.get(id) ?? 0
  const rows = ids.map((id) => {
    const behind = ids.filter((other) => indexOf(other) < indexOf(id)).length
    const bar = indexes.has(id) ? `${"x".repeat(behind)}>` : "?"
    const index = String(indexOf(id)).padStart(5)
    return `${bar.padEnd(ids.length + 1)} ${index}    (id=${id.toString(16)})\n`
  })
  return `${" ".repeat(ids.length)}    idx\n${rows.join("")}`
}

function voted(
  joint: Quorum.JointVoters,
  ids: ReadonlyArray<MemberId>,
  values: ReadonlyArray<string>
): string {
  const result = Quorum.voteResult(
    joint,
    known(ids, values, (value) => value === "y")
  )
  return { won: "VoteWon", lost: "VoteLost", pending: "VotePending" }[result]
}
