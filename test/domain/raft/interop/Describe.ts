/** Prints the core's data in the words of etcd's test files. */
import type { MemberId } from "../../../../src/domain/Ids.ts"
import type { Entry } from "../../../../src/domain/raft/Entry.ts"
import type { HardState } from "../../../../src/domain/raft/HardState.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../../../src/domain/raft/Message.ts"
import type { Ready } from "../../../../src/domain/raft/Ready.ts"
import type { Role } from "../../../../src/domain/raft/Role.ts"
import type { Snapshot } from "../../../../src/domain/raft/Snapshot.ts"
import type { PeerStatus } from "../../../../src/domain/raft/Status.ts"

/**
 * etcd has two encodings of a change of the membership, and prints which was used. This core has
 * one: the interpreter remembers here which entries stand for etcd's older one.
 */
export const firstFormat = new WeakSet<Uint8Array>()

const messageTypes = {
  Append: "MsgApp",
  AppendResponse: "MsgAppResp",
  Vote: "MsgVote",
  VoteResponse: "MsgVoteResp",
  PreVote: "MsgPreVote",
  PreVoteResponse: "MsgPreVoteResp",
  Heartbeat: "MsgHeartbeat",
  HeartbeatResponse: "MsgHeartbeatResp",
  InstallSnapshot: "MsgSnap",
  TimeoutNow: "MsgTimeoutNow",
  TransferLeadership: "MsgTransferLeader",
  ReadIndex: "MsgReadIndex",
  ReadIndexResponse: "MsgReadIndexResp"
} as const satisfies Record<Message["_tag"], string>

export const messageType = (message: Message): string => messageTypes[message._tag]

export const role = (tag: Role["_tag"]): string => `State${tag}`

const hexadecimal = (id: MemberId): string => id.toString(16)

export function ready(ready: Ready): string {
  const lines: Array<string> = []
  if (ready.softState !== undefined) {
    lines.push(`Lead:${ready.softState.leader ?? 0} State:${role(ready.softState.role)}`)
  }
  if (ready.hardState !== undefined) lines.push(`HardState ${hardState(ready.hardState)}`)
  if (ready.entries.length > 0) lines.push("Entries:", ...ready.entries.map(entry))
  if (ready.snapshot !== undefined) lines.push(`Snapshot ${snapshot(ready.snapshot)}`)
  if (ready.committedEntries.length > 0) {
    lines.push("CommittedEntries:", ...ready.committedEntries.map(entry))
  }
  if (ready.messages.length > 0) lines.push("Messages:", ...ready.messages.map(message))
  if (lines.length === 0) return "<empty Ready>"
  return `Ready MustSync=${ready.mustSync}:\n${lines.join("\n")}\n`
}

function hardState({ commit, term, vote }: HardState): string {
  return `Term:${term}${vote === undefined ? "" : ` Vote:${vote}`} Commit:${commit}`
}

export function message(message: Message): string {
  // etcd names the transferee as the sender.
  const from = message._tag === "TransferLeadership" ? message.transferee : message.from
  const term = message._tag === "ReadIndex" ? 0 : message.term
  const head = `${hexadecimal(from)}->${hexadecimal(message.to)} ${messageType(message)}`
  return `${head} Term:${term} Log:${messageBody(message)}`
}

function messageBody(message: Message): string {
  switch (message._tag) {
    case "Append": {
      const { index, term } = message.previous
      return `${term}/${index}${commit(message.commit)}${messageEntries(message.entries)}`
    }
    case "AppendResponse": {
      const { index, rejectionHint: hint } = message
      return hint === undefined
        ? `0/${index}`
        : `${hint.term}/${index} Rejected (Hint: ${hint.index})`
    }
    case "Vote":
    case "PreVote":
      return `${message.last.term}/${message.last.index}`
    case "VoteResponse":
    case "PreVoteResponse":
      return `0/0${message.granted ? "" : " Rejected (Hint: 0)"}`
    case "Heartbeat":
      return `0/0${commit(message.commit)}`
    case "InstallSnapshot":
      return `0/0\n  Snapshot: ${snapshot(message.snapshot)}`
    default:
      return "0/0"
  }
}

const commit = (index: number): string => (index === 0 ? "" : ` Commit:${index}`)

function messageEntries(entries: ReadonlyArray<Entry>): string {
  if (entries.length === 0) return ""
  if (entries.length === 1) return ` Entries:[${entry(entries[0]!)}]`
  return ` Entries:[${entries.map((each) => `\n  ${entry(each)}`).join("")}\n]`
}

export function entry({ data, index, kind, term }: Entry): string {
  const position = `${term}/${index}`
  if (kind !== "membership") {
    return `${position} EntryNormal ${JSON.stringify(new TextDecoder().decode(data))}`
  }
  const change = MembershipChange.decode(data)
  const steps = change?.steps.map(step).join(" ") ?? "malformed"
  const type = firstFormat.has(data) ? "EntryConfChange" : "EntryConfChangeV2"
  return `${position} ${type}${steps === "" ? "" : ` ${steps}`}`
}

const actionLetters = { addVoter: "v", addLearner: "l", remove: "r", update: "u" } as const

const step = ({ action, member }: MembershipChange.Step): string =>
  `${actionLetters[action]}${member}`

/** The inverse of how a change is printed: `v1 l2 r3 u4`. */
export function parseSteps(text: string): ReadonlyArray<MembershipChange.Step> {
  const actions = { v: "addVoter", l: "addLearner", r: "remove", u: "update" } as const
  return text
    .split(/\s+/)
    .filter((token) => token !== "")
    .map((token) => {
      const action = actions[token[0] as keyof typeof actions]
      const member = Number(token.slice(1))
      if (action === undefined || !(member >= 0)) throw new Error(`unknown step ${token}`)
      return { action, member: member as MemberId }
    })
}

function snapshot({ index, membership, term }: Snapshot): string {
  const { autoLeave, learners, learnersNext, voters, votersOutgoing } = membership
  return [
    `Index:${index} Term:${term} ConfState:Voters:${list(voters)}`,
    `VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)}`,
    `LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
  ].join(" ")
}

const list = (ids: ReadonlyArray<MemberId>): string => `[${ids.join(" ")}]`

export function membership(membership: Membership.Membership): string {
  const { autoLeave, learners, learnersNext, voters, votersOutgoing } = membership
  const joint = Membership.isJoint(membership) ? `&&${set(votersOutgoing)}` : ""
  return [
    `voters=${set(voters)}${joint}`,
    ...(learners.length > 0 ? [`learners=${set(learners)}`] : []),
    ...(learnersNext.length > 0 ? [`learners_next=${set(learnersNext)}`] : []),
    ...(autoLeave ? ["autoleave"] : [])
  ].join(" ")
}

const set = (ids: ReadonlyArray<MemberId>): string => `(${ids.map(hexadecimal).join(" ")})`

/** One line per member. */
export const progress = (
  members: ReadonlyMap<MemberId, PeerStatus>,
  learners: ReadonlyArray<MemberId>
): string =>
  [...members].map(([id, peer]) => `${id}: ${peerProgress(peer, learners.includes(id))}\n`).join("")

function peerProgress(peer: PeerStatus, isLearner: boolean): string {
  const inflight = ` inflight=${peer.inflightCount}${peer.isInflightFull ? "[full]" : ""}`
  return [
    `State${peer.flow} match=${peer.match} next=${peer.next}`,
    isLearner ? " learner" : "",
    peer.isPaused ? " paused" : "",
    peer.pendingSnapshot === undefined ? "" : ` pendingSnap=${peer.pendingSnapshot}`,
    peer.isRecentlyActive ? "" : " inactive",
    peer.inflightCount > 0 ? inflight : ""
  ].join("")
}
