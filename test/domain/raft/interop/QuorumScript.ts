/** etcd's `quorum` files, run on `Quorum`: each directive stands for itself. */
import type { LogIndex, MemberId } from "../../../../src/domain/Ids.ts"
import { invariant } from "../../../../src/domain/Invariant.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as Quorum from "../../../../src/domain/raft/Quorum.ts"
import { type Directive, UnknownCommand, valuesOf } from "./DataDriven.ts"

export const commands: ReadonlySet<string> = new Set(["committed", "vote"])

/** The picture of the voters, and in the last line the result. */
export function run(directive: Directive): string {
  const [voters, votersOutgoing] = [idsOf(directive, "cfg"), idsOf(directive, "cfgj")]
  const ids = [...new Set([...voters, ...votersOutgoing])]
  const answer = (joint: Quorum.JointVoters): string => {
    switch (directive.command) {
      case "committed":
        return committed(joint, ids, valuesOf(directive, "idx"))
      case "vote":
        return voted(joint, ids, valuesOf(directive, "votes"))
      default:
        throw new UnknownCommand(directive.command)
    }
  }
  const straight = answer({ voters, votersOutgoing })
  const swapped = answer({ voters: votersOutgoing, votersOutgoing: voters })
  invariant(swapped === straight, "halves that are swapped give the same answer")
  return straight
}

const idsOf = (directive: Directive, key: string): ReadonlyArray<MemberId> =>
  valuesOf(directive, key)
    .filter((id) => id !== "" && id !== "zero")
    .map((id) => Number(id) as MemberId)

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
  const index = Quorum.committedIndex(joint, (id) => indexes.get(id))
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
