/**
 * Three real nodes that do the model's moves, one after the other. A move of the model that takes messages
 * (an election, an append to one follower, an acknowledgement) is the exchange that the real core needs for
 * it; whatever else the core sends meanwhile is lost.
 */
import { invariant } from "../../src/domain/Invariant.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import * as Founding from "./CoreFounding.ts"
import { CoreNode, type Planted, sound } from "./CoreNode.ts"
import type { Move, Trace } from "./ModelTrace.ts"
import { textOf } from "./NodeView.ts"

/** Heartbeats until both logs have found their common part, and one of them has the other's end. */
const heartbeatsMax = 12
/** A voter of a later term makes a candidate try again. */
const campaignsMax = 4

export class CoreCluster {
  private readonly nodes: ReadonlyMap<number, CoreNode>

  /** As the model begins: node 1 leads term 1, its noop applied everywhere. */
  constructor(planted: Planted = sound) {
    this.nodes = new Map(Founding.ids.map((id) => [id, new CoreNode(id, planted)]))
    this.elect(1, 2)
    for (const follower of [2, 3]) this.replicate(1, follower)
    this.acknowledge(1, 2)
    for (const follower of [2, 3]) this.replicate(1, follower)
    for (const node of this.nodes.values()) {
      node.apply()
      node.keep()
    }
  }

  texts(): ReadonlyMap<number, string> {
    return new Map([...this.nodes].map(([id, node]) => [id, textOf(node.view())]))
  }

  does({ name, node, peer }: Move): void {
    switch (name) {
      case "init":
        return
      case "elect":
        return this.elect(node, peer)
      case "replicate":
        return this.replicate(node, peer)
      case "acknowledge":
        return this.acknowledge(node, peer)
      case "snapshot":
        return this.snapshot(node, peer)
      default: {
        invariant(isOwnMove(name), `the model has a move ${name}`)
        return this.node(node)[name]()
      }
    }
  }

  private node(id: number): CoreNode {
    const node = this.nodes.get(id)
    invariant(node !== undefined, `the cluster has a node ${id}`)
    return node
  }

  /** Only this voter is asked; it has answered before anybody else hears of the candidate. */
  private elect(candidateId: number, voterId: number): void {
    const candidate = this.node(candidateId)
    for (let tried = 0; tried < campaignsMax && !candidate.leads; tried += 1) {
      for (const request of to(voterId, candidate.campaign())) {
        for (const answer of to(candidateId, this.node(voterId).receive(request))) {
          this.lost(candidate, candidate.receive(answer))
        }
      }
    }
    invariant(candidate.leads, "a candidate that the model elects is elected")
  }

  private replicate(leaderId: number, followerId: number): void {
    const leader = this.node(leaderId)
    const follower = this.node(followerId)
    this.exchange(leader, follower, () => isInStep(leader, follower))
  }

  private snapshot(leaderId: number, followerId: number): void {
    const leader = this.node(leaderId)
    const follower = this.node(followerId)
    const { index } = Founding.snapshotOf(leader.durableState)
    this.exchange(leader, follower, () => follower.log.firstIndex() === index + 1)
  }

  private acknowledge(leaderId: number, followerId: number): void {
    const { vouched } = this.node(followerId)
    invariant(vouched?.to === leaderId, "the follower vouches for something")
    const leader = this.node(leaderId)
    this.lost(leader, leader.receive(vouched))
  }

  /** Heartbeats, and what follows from each, until it is done. */
  private exchange(leader: CoreNode, follower: CoreNode, isDone: () => boolean): void {
    for (let beats = 0; beats < heartbeatsMax && !isDone(); beats += 1) {
      const onTheWay = [...leader.tick()]
      while (onTheWay.length > 0 && !isDone()) {
        const message = onTheWay.shift()!
        if (message.to === follower.id) onTheWay.push(...this.answered(leader, follower, message))
        else this.lost(leader, [message])
      }
      this.lost(leader, onTheWay)
    }
    invariant(isDone(), "a follower gets what the leader has")
  }

  /** What the leader says to the answers. Those that would move its commit index are a move of their own. */
  private answered(leader: CoreNode, follower: CoreNode, message: Message): ReadonlyArray<Message> {
    const answers = isSnapshot(message)
      ? follower.receiveSnapshot(message, leader.durableState)
      : follower.receive(message)
    if (isSnapshot(message)) leader.snapshotEnded(message.to, "delivered")
    return to(leader.id, answers).flatMap((answer) => {
      const isVouching = answer._tag === "AppendResponse" && answer.rejectionHint === undefined
      if (isVouching) follower.vouchesFor(answer)
      return isVouching && leader.wouldCommit(answer.index) ? [] : leader.receive(answer)
    })
  }

  /** A leader is told of a snapshot that came to nothing, as its transport would. */
  private lost(sender: CoreNode, messages: ReadonlyArray<Message>): void {
    for (const message of messages) {
      if (isSnapshot(message)) sender.snapshotEnded(message.to, "failed")
    }
  }
}

const ownMoves = [
  "accept",
  "admit",
  "apply",
  "batch",
  "begin",
  "compact",
  "drained",
  "drainTimesOut",
  "restart",
  "rotate"
] as const

const isOwnMove = (name: string): name is (typeof ownMoves)[number] =>
  ownMoves.some((own) => own === name)

const isSnapshot = (message: Message) => message._tag === "InstallSnapshot"

const to = (id: number, messages: ReadonlyArray<Message>) =>
  messages.filter((message) => message.to === id)

function isInStep(leader: CoreNode, follower: CoreNode): boolean {
  const lastIndex = leader.log.lastIndex()
  const hasLast =
    follower.log.lastIndex() === lastIndex &&
    follower.log.term(lastIndex) === leader.log.term(lastIndex)
  return hasLast && follower.commit >= leader.commit
}

/** Where the real nodes first look otherwise than the model; `undefined` if nowhere. */
export function departureFrom(trace: Trace, planted: Planted = sound): string | undefined {
  const cluster = new CoreCluster(planted)
  const expected = new Map<number, string>()
  const moves: Array<string> = []
  for (const { changed, move } of trace.steps) {
    moves.push(`${move.name} ${move.node} ${move.peer}`)
    for (const [id, text] of changed) expected.set(id, text)
    let problem: string | undefined
    try {
      cluster.does(move)
    } catch (error) {
      problem = String(error)
    }
    for (const [id, text] of cluster.texts()) {
      if (text !== expected.get(id))
        problem ??= `node ${id}\n  model ${expected.get(id)}\n  core  ${text}`
    }
    if (problem !== undefined) return `trace ${trace.name}\n${moves.join("\n")}\n${problem}`
  }
  return undefined
}
