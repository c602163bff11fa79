/** One core with its driver and disk, and short ways to write terms, entries and messages. */
import type { LogIndex, MemberId, Term } from "../../../../src/domain/Ids.ts"
import type { Entry, EntryKind } from "../../../../src/domain/raft/Entry.ts"
import type * as HardState from "../../../../src/domain/raft/HardState.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Append, Message, TermedMessage } from "../../../../src/domain/raft/Message.ts"
import type { Options } from "../../../../src/domain/raft/Options.ts"
import type { PlantedBug } from "../../../../src/domain/raft/PlantedBug.ts"
import type { Position } from "../../../../src/domain/raft/Position.ts"
import type { Draft } from "../../../../src/domain/raft/Proposing.ts"
import * as Raft from "../../../../src/domain/raft/Raft.ts"
import type { Ready } from "../../../../src/domain/raft/Ready.ts"
import { MemoryLog } from "./MemoryLog.ts"

export const member = (id: number): MemberId => id as MemberId
export const members = (...ids: ReadonlyArray<number>): ReadonlyArray<MemberId> => ids.map(member)
export const term = (value: number): Term => value as Term
export const index = (value: number): LogIndex => value as LogIndex
export const at = (termOf: number, indexOf: number): Position => ({
  term: term(termOf),
  index: index(indexOf)
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = ({ data }: Pick<Entry, "data">): string => new TextDecoder().decode(data)

export const draft = (content: string, kind: EntryKind = "normal"): Draft => ({
  kind,
  data: bytes(content)
})

export const entry = (termOf: number, indexOf: number, content = ""): Entry => ({
  ...at(termOf, indexOf),
  kind: "normal",
  data: bytes(content)
})

/** Entries of these terms, one after the other, from an index on. */
export const entriesFrom = (from: number, ...terms: ReadonlyArray<number>): ReadonlyArray<Entry> =>
  terms.map((termOf, offset) => entry(termOf, from + offset))

export interface Start extends Partial<Omit<Options, "log">> {
  readonly voters?: ReadonlyArray<number>
  readonly learners?: ReadonlyArray<number>
  readonly membership?: Membership.Membership
  readonly stored?: ReadonlyArray<Entry>
  readonly hardState?: Partial<HardState.HardState>
  readonly plantedBug?: PlantedBug
}

type WithoutAddress<M> = M extends Message ? Omit<M, "to"> & { readonly to?: MemberId } : never

/** Everything but the receiver, who is the node it is sent to. */
export type Incoming = WithoutAddress<Message>

/** A member and its driver. Everything the driver hands out is kept. */
export class Node {
  readonly id: MemberId
  readonly log: MemoryLog
  readonly raft: Raft.Raft
  readonly readies: Array<Ready> = []
  readonly sent: Array<Message> = []
  readonly applied: Array<Entry> = []

  constructor(start: Start = {}) {
    const membership =
      start.membership ??
      Membership.make((start.voters ?? [1, 2, 3]).map(member), (start.learners ?? []).map(member))
    this.log = new MemoryLog(membership)
    this.log.append(start.stored ?? [])
    this.log.hardState = { ...this.log.hardState, ...start.hardState }
    this.id = start.id ?? member(1)
    this.raft = Raft.make(
      {
        id: this.id,
        log: this.log,
        applied: index(0),
        electionTicks: 10,
        heartbeatTicks: 1,
        randomizedElectionTicks: () => 10,
        messageBytesMax: Number.POSITIVE_INFINITY,
        inflightMessagesMax: 256,
        inflightBytesMax: Number.POSITIVE_INFINITY,
        uncommittedBytesMax: Number.POSITIVE_INFINITY,
        committedBytesPerReadyMax: Number.POSITIVE_INFINITY,
        preVote: false,
        checkQuorum: false,
        stepDownOnRemoval: true,
        ...start
      },
      start.plantedBug
    )
  }

  get status() {
    return this.raft.status()
  }

  /** Runs the driver until there is nothing to do, and answers the messages it sent. */
  work(): ReadonlyArray<Message> {
    const before = this.sent.length
    while (this.raft.hasReady()) this.workOnce()
    return this.sent.slice(before)
  }

  /** One Ready: persist, send, apply, advance. */
  workOnce(): Ready {
    const ready = this.raft.ready()
    this.persist(ready)
    this.sent.push(...ready.messages)
    for (const each of ready.committedEntries) this.apply(each)
    this.raft.advance(ready)
    return ready
  }

  persist(ready: Ready): void {
    this.readies.push(ready)
    if (ready.snapshot !== undefined) this.log.install(ready.snapshot)
    this.log.append(ready.entries)
    if (ready.hardState !== undefined) this.log.hardState = ready.hardState
  }

  /** Hands in a message, and answers what is sent because of it. */
  receive(message: Incoming): ReadonlyArray<Message> {
    this.raft.step({ ...message, to: this.id } as Message)
    return this.work()
  }

  tick(count = 1): ReadonlyArray<Message> {
    for (let ticks = 0; ticks < count; ticks++) this.raft.tick()
    return this.work()
  }

  propose(...contents: ReadonlyArray<string>): ReadonlyArray<Message> {
    const proposed = this.raft.propose(contents.map((content) => draft(content)))
    if (proposed._tag !== "Appended") throw new Error(proposed._tag)
    return this.work()
  }

  /** Wins an election with every voter's vote, and commits its noop with every acknowledgement. */
  lead(): this {
    this.raft.campaign()
    this.work()
    this.grantAll()
    this.acknowledgeAll()
    return this
  }

  /** Everybody it asked votes for it. */
  grantAll(): ReadonlyArray<Message> {
    const before = this.sent.length
    for (const message of [...this.sent]) {
      if (message._tag !== "Vote" || message.term !== this.status.term) continue
      const { term: inTerm, to: from } = message
      this.receive({
        _tag: "VoteResponse",
        from,
        term: inTerm,
        granted: true,
        committed: undefined
      })
    }
    return this.sent.slice(before)
  }

  /** Everybody has everything the leader has. */
  acknowledgeAll(...only: ReadonlyArray<number>): ReadonlyArray<Message> {
    const before = this.sent.length
    const { lastIndex, progress } = this.status
    for (const peer of only.length > 0 ? only.map(member) : progress.keys()) {
      if (peer !== this.id) this.acknowledge(peer, lastIndex)
    }
    return this.sent.slice(before)
  }

  acknowledge(peer: number, through: number): ReadonlyArray<Message> {
    return this.receive({
      _tag: "AppendResponse",
      from: member(peer),
      term: this.status.term,
      index: index(through),
      rejectionHint: undefined
    })
  }

  /** The whole log as it counts now. */
  entries(): ReadonlyArray<Entry> {
    return this.raft.entriesFrom(this.status.firstIndex, Number.POSITIVE_INFINITY) ?? []
  }

  private apply(each: Entry): void {
    this.applied.push(each)
    if (each.kind !== "membership") return
    this.raft.applyMembershipChange(MembershipChange.decode(each.data)!)
  }
}

/** An append as a leader of this term sends it. */
export const append = (
  from: number,
  inTerm: number,
  content: Partial<Pick<Append, "previous" | "entries" | "commit">> = {}
): Incoming => ({
  _tag: "Append",
  from: member(from),
  term: term(inTerm),
  previous: at(0, 0),
  entries: [],
  commit: index(0),
  ...content
})

/** The messages of one kind. */
export const only = <Tag extends Message["_tag"]>(
  tag: Tag,
  messages: ReadonlyArray<Message>
): ReadonlyArray<Extract<Message, { readonly _tag: Tag }>> =>
  messages.filter(
    (message): message is Extract<Message, { readonly _tag: Tag }> => message._tag === tag
  )

/** Connects nodes by a network without faults, and runs it until nothing is on its way. */
export function settle(nodes: ReadonlyArray<Node>, isCut: (message: Message) => boolean = never) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  let inFlight = nodes.flatMap((node) => [...node.work()])
  while (inFlight.length > 0) {
    const arriving = inFlight.filter((message) => !isCut(message))
    inFlight = []
    for (const message of arriving) byId.get(message.to)?.raft.step(message)
    for (const node of nodes) inFlight.push(...node.work())
  }
}

const never = () => false

/** Nodes of one group, with equal options. */
export const cluster = (count: number, start: Start = {}): ReadonlyArray<Node> => {
  const voters = Array.from({ length: count }, (_, position) => position + 1)
  return voters.map((id) => new Node({ voters, ...start, id: member(id) }))
}

/** A message as a peer of this core would have sent it. */
export type FromPeer = TermedMessage
