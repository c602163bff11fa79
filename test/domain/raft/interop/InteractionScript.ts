/**
 * Runs the directives of etcd's `interaction` files on nodes of this core and prints what happens in
 * the words of those files.
 *
 * Only log lines are left out, on both sides. The core differs from etcd's in three things that the
 * interpreter makes up for, none of which is in an expected output: a change of the membership that
 * cannot be made is refused here (etcd appends an empty entry instead, and so does the interpreter),
 * the two encodings of a change (`Describe.firstFormat`), and the content of snapshots.
 */
import type { LogIndex, MemberId, Term } from "../../../../src/domain/Ids.ts"
import { invariant } from "../../../../src/domain/Invariant.ts"
import type { Entry } from "../../../../src/domain/raft/Entry.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../../../src/domain/raft/Message.ts"
import type { Draft } from "../../../../src/domain/raft/Proposing.ts"
import * as Raft from "../../../../src/domain/raft/Raft.ts"
import type { Ready } from "../../../../src/domain/raft/Ready.ts"
import type { Snapshot } from "../../../../src/domain/raft/Snapshot.ts"
import { MemoryLog } from "../support/MemoryLog.ts"
import { bareArguments, type Directive, UnknownCommand, valueOf, valuesOf } from "./DataDriven.ts"
import * as Describe from "./Describe.ts"
import { LeftOut } from "./LeftOut.ts"

const electionTicks = 3
const heartbeatTicks = 1

interface Node {
  readonly id: MemberId
  readonly raft: Raft.Raft
  readonly log: MemoryLog
  /** Snapshots at every applied index; the last one is what a peer would be sent. */
  readonly history: Array<Snapshot>
  electionTimeoutTicks: number
}

const leftOutCommands: ReadonlySet<string> = new Set([
  "forget-leader",
  "process-append-thread",
  "process-apply-thread"
])

export const commands: ReadonlySet<string> = new Set([
  "_breakpoint",
  "add-nodes",
  "campaign",
  "compact",
  "deliver-msgs",
  "log-level",
  "process-ready",
  "propose",
  "propose-conf-change",
  "raft-log",
  "raft-state",
  "report-unreachable",
  "send-snapshot",
  "set-randomized-election-timeout",
  "stabilize",
  "status",
  "tick-election",
  "tick-heartbeat",
  "transfer-leadership",
  ...leftOutCommands
])

export class InteractionScript {
  private readonly nodes: Array<Node> = []
  private messages: ReadonlyArray<Message> = []
  private output = ""
  private isQuiet = false

  /** Runs one directive; the answer is `ok` if it has printed nothing. */
  run(directive: Directive): string {
    this.output = ""
    const error = this.dispatch(directive)
    if (this.isQuiet) return error ?? "ok"
    this.print(error ?? "")
    return this.output === "" ? "ok" : this.output.replace(/\n+$/, "")
  }

  private dispatch(directive: Directive): string | undefined {
    const ids = bareArguments(directive).map(Number)
    const node = (): Node => this.node(ids[0]!)
    switch (directive.command) {
      case "add-nodes":
        return this.addNodes(directive)
      case "campaign":
        return void node().raft.campaign()
      case "compact":
        node().log.compactThrough(ids[1] as LogIndex)
        return this.printLog(node())
      case "deliver-msgs":
        return this.deliverMessages(directive)
      case "log-level":
        this.isQuiet = bareArguments(directive)[0]?.toLowerCase() === "none"
        return undefined
      case "process-ready":
        return this.processReadies(ids)
      case "propose":
        return this.propose(node(), normal(bareArguments(directive)[1]!))
      case "propose-conf-change":
        return this.proposeChange(node(), directive)
      case "raft-log":
        return this.printLog(node())
      case "raft-state":
        return this.printStates()
      case "report-unreachable":
        return void node().raft.reportUnreachable(this.node(ids[1]!).id)
      case "send-snapshot":
        return this.sendSnapshot(node(), this.node(ids[1]!))
      case "set-randomized-election-timeout":
        node().electionTimeoutTicks = Number(valueOf(directive, "timeout"))
        return undefined
      case "stabilize":
        return this.stabilizeAt(directive, ids)
      case "status":
        return this.printStatus(node())
      case "tick-election":
        return tick(node(), electionTicks)
      case "tick-heartbeat":
        return tick(node(), heartbeatTicks)
      case "transfer-leadership":
        return void this.node(Number(valueOf(directive, "from"))).raft.transferLeadership(
          Number(valueOf(directive, "to")) as MemberId
        )
      case "_breakpoint":
        return undefined
      default:
        if (leftOutCommands.has(directive.command)) throw new LeftOut(directive.command)
        throw new UnknownCommand(directive.command)
    }
  }

  private node(id: number): Node {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`a node that is not there: ${id}`)
    return node
  }

  private print(text: string): void {
    this.output += text
  }

  private indented(body: () => void): void {
    const before = this.output
    this.output = ""
    body()
    const lines = this.output.split("\n")
    if (lines.at(-1) === "") lines.pop()
    this.output = before + lines.map((line) => `  ${line}\n`).join("")
  }

  private addNodes(directive: Directive): undefined {
    for (const option of ["async-storage-writes", "disable-conf-change-validation"]) {
      if (valueOf(directive, option) === "true") throw new LeftOut(option)
    }
    if (valueOf(directive, "read-only") === "lease-based") throw new LeftOut("lease-based reads")
    const idsOf = (key: string) => valuesOf(directive, key).map((id) => Number(id) as MemberId)
    const snapshot: Snapshot = {
      index: Number(valueOf(directive, "index") ?? 0) as LogIndex,
      term: 1 as Term,
      membership: Membership.make(idsOf("voters"), idsOf("learners"))
    }
    const count = Number(bareArguments(directive)[0])
    for (let added = 0; added < count; added++) this.addNode(directive, snapshot)
    return undefined
  }

  private addNode(directive: Directive, snapshot: Snapshot): void {
    const id = (this.nodes.length + 1) as MemberId
    const log = new MemoryLog()
    if (snapshot.index > 0) log.install(snapshot)
    const isTrue = (key: string) => valueOf(directive, key) === "true"
    const bound = (key: string) => Number(valueOf(directive, key) ?? Number.POSITIVE_INFINITY)
    const raft = Raft.make({
      id,
      log,
      applied: snapshot.index,
      electionTicks,
      heartbeatTicks,
      randomizedElectionTicks: () => node.electionTimeoutTicks,
      messageBytesMax: Number.POSITIVE_INFINITY,
      inflightMessagesMax: bound("inflight"),
      inflightBytesMax: Number.POSITIVE_INFINITY,
      uncommittedBytesMax: Number.POSITIVE_INFINITY,
      committedBytesPerReadyMax: bound("max-committed-size-per-ready"),
      preVote: isTrue("prevote"),
      checkQuorum: isTrue("checkquorum"),
      stepDownOnRemoval: isTrue("step-down-on-removal")
    })
    const node: Node = { id, raft, log, history: [snapshot], electionTimeoutTicks: 5 }
    log.snapshotToSend = () => node.history.at(-1)
    this.nodes.push(node)
  }

  private propose(node: Node, draft: Draft): string | undefined {
    const proposed = node.raft.propose([draft])
    switch (proposed._tag) {
      case "Appended":
        return undefined
      case "MembershipChangeRefused":
        return this.propose(node, normal(""))
      case "NotLeader":
        if (proposed.leader !== undefined) throw new LeftOut("forwarding of proposals")
        return "raft proposal dropped"
      default:
        return "raft proposal dropped"
    }
  }

  private proposeChange(node: Node, directive: Directive): string | undefined {
    const transition = (valueOf(directive, "transition") ?? "auto") as MembershipChange.Transition
    const steps = Describe.parseSteps(directive.input)
    const data = MembershipChange.encode({ transition, steps, context: new Uint8Array(0) })
    if (valueOf(directive, "v1") === "true") Describe.firstFormat.add(data)
    return this.propose(node, { kind: "membership", data })
  }

  private processReadies(ids: ReadonlyArray<number>): undefined {
    for (const id of ids) {
      if (ids.length === 1) {
        this.processReady(this.node(id))
      } else {
        this.print(`> ${id} handling Ready\n`)
        this.indented(() => this.processReady(this.node(id)))
      }
    }
    return undefined
  }

  /** The driver: persist, apply, send, advance. */
  private processReady(node: Node): void {
    const ready = node.raft.ready()
    this.print(Describe.ready(ready))
    persist(node.log, ready)
    for (const entry of ready.committedEntries) apply(node, entry)
    this.messages = [...this.messages, ...ready.messages]
    node.raft.advance(ready)
  }

  private deliverMessages(directive: Directive): undefined {
    const type = valueOf(directive, "type")
    const delivered = bareArguments(directive).map((id) => ({ id, isDropped: false }))
    const dropped = valuesOf(directive, "drop").map((id) => ({ id, isDropped: true }))
    let count = 0
    for (const { id, isDropped } of [...delivered, ...dropped]) {
      count += this.deliver(Number(id), { type, isDropped })
    }
    if (count === 0) this.print("no messages\n")
    return undefined
  }

  private deliver(
    to: number,
    how: { readonly type: string | undefined; readonly isDropped: boolean }
  ): number {
    const isHandled = (message: Message) =>
      message.to === to && (how.type === undefined || Describe.messageType(message) === how.type)
    const handled = this.messages.filter(isHandled)
    this.messages = this.messages.filter((message) => !isHandled(message))
    for (const message of handled) {
      this.print(`${how.isDropped ? "dropped: " : ""}${Describe.message(message)}\n`)
      if (how.isDropped) continue
      if (this.node(to).raft.step(message) === "unknownPeer") {
        this.print("raft: cannot step as peer not found\n")
      }
    }
    return handled.length
  }

  private stabilizeAt(directive: Directive, ids: ReadonlyArray<number>): undefined {
    const wasQuiet = this.isQuiet
    if (valueOf(directive, "log-level")?.toLowerCase() === "none") this.isQuiet = true
    const before = this.output
    this.stabilize(ids.length === 0 ? this.nodes : ids.map((id) => this.node(id)))
    if (this.isQuiet) this.output = before
    this.isQuiet = wasQuiet
    return undefined
  }

  /** Lets these nodes work and receive, in turn, until none has anything to do. */
  private stabilize(nodes: ReadonlyArray<Node>): void {
    let isDone = false
    while (!isDone) {
      isDone = true
      for (const node of nodes) {
        if (!node.raft.hasReady()) continue
        this.print(`> ${node.id} handling Ready\n`)
        this.indented(() => this.processReady(node))
        isDone = false
      }
      for (const node of nodes) {
        if (!this.messages.some((message) => message.to === node.id)) continue
        this.print(`> ${node.id} receiving messages\n`)
        this.indented(() => this.deliver(node.id, { type: undefined, isDropped: false }))
        isDone = false
      }
    }
  }

  private sendSnapshot(from: Node, to: Node): undefined {
    const snapshot = from.log.snapshot()
    invariant(snapshot !== undefined, "every node has a snapshot here")
    const { term } = from.raft.status()
    const message: Message = {
      _tag: "InstallSnapshot",
      from: from.id,
      to: to.id,
      term,
      snapshot
    }
    this.messages = [...this.messages, message]
    this.print(Describe.message(message))
    return undefined
  }

  private printLog({ log }: Node): undefined {
    this.print(
      log.lastIndex() < log.firstIndex()
        ? `log is empty: first index=${log.firstIndex()}, last index=${log.lastIndex()}`
        : log
            .all()
            .map((entry) => `${Describe.entry(entry)}\n`)
            .join("")
    )
    return undefined
  }

  private printStates(): undefined {
    for (const { raft } of this.nodes) {
      const { id, leader, membership, role, term } = raft.status()
      const voter = Membership.isVoter(membership, id) ? "(Voter)" : "(Non-Voter)"
      this.print(`${id}: ${Describe.role(role)} ${voter} Term:${term} Lead:${leader ?? 0}\n`)
    }
    return undefined
  }

  private printStatus({ raft }: Node): undefined {
    const { membership, progress } = raft.status()
    this.print(Describe.progress(progress, membership.learners))
    return undefined
  }
}

const normal = (text: string): Draft => ({
  kind: "normal",
  data: new TextEncoder().encode(text)
})

function tick(node: Node, count: number): undefined {
  for (let ticks = 0; ticks < count; ticks++) node.raft.tick()
  return undefined
}

function persist(log: MemoryLog, ready: Ready): void {
  if (ready.hardState !== undefined) log.hardState = ready.hardState
  if (ready.snapshot !== undefined) log.install(ready.snapshot)
  log.append(ready.entries)
}

function apply({ history, raft }: Node, entry: Entry): void {
  const last = history.at(-1)!
  let { membership } = last
  if (entry.kind === "membership") {
    const change = MembershipChange.decode(entry.data)
    invariant(change !== undefined, "a change that was proposed can be read")
    membership = raft.applyMembershipChange(change)
  }
  history.push({ index: entry.index, term: entry.term, membership })
}
