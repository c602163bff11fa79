/**
 * Does what the plan says to the nodes and to what lies between them.
 *
 * Each fault undoes itself, also when it is cut short; what it cannot undo in time (a node on its way
 * in or out, a dead one) is for the healing. What must never happen: two faults that act on one process
 * at a time.
 */
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { answered } from "../cluster/Asking.ts"
import * as ClientLinks from "./ClientLinks.ts"
import * as Link from "./Link.ts"
import type { Nodes, Place } from "./Nodes.ts"
import { type Operator, until } from "./Operator.ts"
import * as PeerLinks from "./PeerLinks.ts"
import type { Fault, Kind } from "./Plan.ts"

export interface Context {
  readonly nodes: Nodes
  readonly operator: Operator
  /** Of the nodes that are on their way in. */
  readonly nextPlace: Effect.Effect<Place, unknown>
  readonly say: (line: string) => void
}

/** A log this much longer has forgotten what a node lacks that is away. */
const forgottenEntries = 400
const awayMillisMax = 4_000
/** What a cluster refuses for so long is left to the healing. */
const removalMillisMax = 4_000

/** Mutable: the processes that a fault is acting on. */
export class Faults {
  private readonly busy = new Set<string>()
  /** Who lets a node in, once for each: it knows no other address, so they must not leave meanwhile. */
  private readonly hosts: Array<string> = []
  private readonly context: Context
  readonly done = new Map<Kind, number>()
  /**
   * Their removal was ordered, and they are not ended. It may be done at any time later, so nothing else
   * is done to them, and the healing sees it through.
   */
  readonly leaving = new Set<Place["nodeName"]>()

  constructor(context: Context) {
    this.context = context
  }

  /** Returns when it is over and undone. */
  run(fault: Fault): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      yield* Effect.sleep(fault.pauseMillis)
      const { say } = this.context
      // While nobody is free for it, it waits; all faults together have an end.
      const target = yield* answered(this.target(fault))
      this.done.set(fault.kind, (this.done.get(fault.kind) ?? 0) + 1)
      say(`${fault.kind} of ${target}${fault.isOfLeader ? ", the leader if there is one" : ""}`)
      yield* this.inflict(fault, target)
      say(`${fault.kind} of ${target} is over`)
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.sync(() => this.context.say(`${fault.kind}: ${String(cause).slice(0, 200)}`))
      )
    )
  }

  private target({ draw, isOfLeader, kind }: Fault): Effect.Effect<string | undefined> {
    return Effect.map(this.context.operator.leader, (leader) => {
      // A transfer is always from the leader, to somebody else.
      const able = this.free().filter((name) =>
        kind === "transfer" ? name !== leader : kind !== "replace" || !this.hosts.includes(name)
      )
      if (isOfLeader && leader !== undefined && able.includes(leader)) return leader
      return able[Math.floor(draw * able.length)]
    })
  }

  private free(): ReadonlyArray<string> {
    const { nodes } = this.context
    const isLeft = (name: string) =>
      nodes.isRunning(name) && !this.busy.has(name) && !this.leaving.has(name as Place["nodeName"])
    return nodes.names().filter(isLeft)
  }

  private inflict(fault: Fault, target: string): Effect.Effect<void, unknown> {
    const { nodes, operator } = this.context
    const lasting = Effect.sleep(fault.millis)
    const others = nodes.names().filter((name) => name !== target)
    const traffic = fault.draw < 0.5 ? Link.hold : Link.drop
    switch (fault.kind) {
      case "kill":
        return this.killed([target], lasting)
      case "kill all":
        return this.killed(this.free(), lasting)
      case "away":
        return this.killed([target], this.forgotten())
      case "stop":
        return this.holding(
          [target],
          Effect.acquireUseRelease(
            nodes.signal(target, "SIGSTOP"),
            () => lasting,
            () => nodes.signal(target, "SIGCONT")
          )
        )
      case "partition":
        return this.troubled({ pairs: PeerLinks.between([target], others), traffic }, lasting)
      case "one way": {
        const isOutgoing = Math.floor(fault.draw * 4) % 2 === 0
        const pairs = isOutgoing
          ? PeerLinks.oneWay([target], others)
          : PeerLinks.oneWay(others, [target])
        return this.troubled({ pairs, traffic }, lasting)
      }
      case "slow": {
        const pairs = PeerLinks.between([target], others)
        return this.troubled({ pairs, traffic: Link.slow(5_000 + 100_000 * fault.draw) }, lasting)
      }
      case "delay": {
        const pairs = PeerLinks.between(nodes.names(), nodes.names())
        const traffic = Link.delay(5 + 60 * fault.draw, 40)
        return this.troubled({ pairs, traffic }, lasting)
      }
      case "clients":
        return this.waysTroubled(fault, target)
      case "transfer":
        return operator.way.call((client) => client.transferLeadership(target as Place["nodeName"]))
      case "join":
        return this.joined(target, fault)
      case "replace":
        return this.replaced(target as Place["nodeName"], fault)
      case "encrypt":
        return Effect.andThen(
          operator.order((client) => client.enableStorageEnvelope),
          operator.order((client) => client.enableRaftEnvelope)
        ).pipe(Effect.timeout(8_000))
    }
  }

  private holding<A, E>(names: ReadonlyArray<string>, use: Effect.Effect<A, E>) {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        for (const name of names) this.busy.add(name)
      }),
      () => use,
      () =>
        Effect.sync(() => {
          for (const name of names) this.busy.delete(name)
        })
    )
  }

  private killed(
    names: ReadonlyArray<string>,
    meanwhile: Effect.Effect<void>
  ): Effect.Effect<void, unknown> {
    const { nodes } = this.context
    const all = { concurrency: "unbounded", discard: true } as const
    return this.holding(
      names,
      Effect.gen(function* () {
        yield* Effect.uninterruptible(Effect.forEach(names, nodes.kill, all))
        yield* meanwhile
        yield* Effect.uninterruptible(Effect.forEach(names, nodes.restart, all))
        yield* Effect.forEach(names, nodes.ready, all)
      })
    )
  }

  /** The others have written so much that they have a snapshot for who comes back. */
  private forgotten(): Effect.Effect<void> {
    const commit = Effect.map(this.context.operator.statuses, (all) =>
      Math.max(0, ...all.map(({ commitIndex }) => commitIndex))
    )
    return Effect.gen(function* () {
      const before = yield* commit
      yield* until(Effect.map(commit, (now) => now >= before + forgottenEntries))
    }).pipe(Effect.timeoutOption(awayMillisMax), Effect.asVoid)
  }

  private troubled(trouble: PeerLinks.Trouble, meanwhile: Effect.Effect<void>) {
    const { links } = this.context.nodes
    return Effect.acquireUseRelease(
      Effect.sync(() => links.begin(trouble)),
      () => meanwhile,
      () => Effect.sync(() => links.end(trouble))
    )
  }

  /** Requests that are under way are cut off, late or lost as well. */
  private waysTroubled({ draw, isOfAll, millis }: Fault, target: string) {
    const { clientLinks, names } = this.context.nodes
    const nodeNames = isOfAll ? names() : [target]
    const trouble: ClientLinks.Trouble = { nodeNames, link: ClientLinks.linkOf(draw) }
    return Effect.acquireUseRelease(
      Effect.sync(() => clientLinks.begin(trouble)),
      () => Effect.sleep(millis),
      () => Effect.sync(() => clientLinks.end(trouble))
    )
  }

  /** A new node, which `by` lets in, becomes a learner and then a voter. */
  private letIn(by: string): Effect.Effect<Place["nodeName"], unknown> {
    return Effect.acquireUseRelease(
      Effect.sync(() => void this.hosts.push(by)),
      () => this.admitted(["--join", Endpoint.format(this.context.nodes.peerOf(by))]),
      () => Effect.sync(() => void this.hosts.splice(this.hosts.indexOf(by), 1))
    )
  }

  private admitted(join: ReadonlyArray<string>): Effect.Effect<Place["nodeName"], unknown> {
    const { nextPlace, nodes, operator, say } = this.context
    return Effect.gen({ self: this }, function* () {
      const place = yield* nextPlace
      const { nodeName, peer: address } = place
      this.busy.add(nodeName)
      yield* Effect.uninterruptible(
        nodes.start(place, [...join, "--peer-listen", Endpoint.format(address)])
      )
      const isThere = ({ _tag }: { readonly _tag: string }) => _tag === "MemberNameTaken"
      yield* operator.order((to) => to.addMember({ nodeName, address, learner: true }), isThere)
      yield* nodes.ready(nodeName)
      say(`${nodeName} is a learner`)
      this.busy.delete(nodeName)
      const isVoter = ({ _tag }: { readonly _tag: string }) => _tag === "NotALearner"
      yield* operator.order((to) => to.promoteMember(nodeName), isVoter)
      say(`${nodeName} is a voter`)
      return nodeName
    })
  }

  /** Ordered until it is so: as long as too few of the others are there, the cluster refuses. */
  private removed(nodeName: Place["nodeName"]): Effect.Effect<void> {
    const { operator, say } = this.context
    return Effect.gen({ self: this }, function* () {
      this.leaving.add(nodeName)
      yield* operator.removed(nodeName)
      say(`${nodeName} is removed`)
    })
  }

  /** Its process ends, and it is no part of the cluster any more. */
  private ended(nodeName: Place["nodeName"]): Effect.Effect<void, unknown> {
    const gone = Effect.sync(() => void this.leaving.delete(nodeName))
    return Effect.uninterruptible(Effect.andThen(this.context.nodes.dismiss(nodeName), gone))
  }

  /** Becomes a learner and a voter, and mostly leaves again. */
  private joined(by: string, fault: Fault): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      const nodeName = yield* this.letIn(by)
      yield* Effect.sleep(fault.millis)
      if (fault.draw > 0.7) return
      const isFree = () => this.free().includes(nodeName) && !this.hosts.includes(nodeName)
      yield* until(Effect.sync(isFree))
      yield* this.holding([nodeName], Effect.andThen(this.removed(nodeName), this.ended(nodeName)))
    })
  }

  /**
   * The member leaves for good; while clients still ask it, it must not answer. Then a new node is let in
   * by another member.
   */
  private replaced(
    target: Place["nodeName"],
    { draw, millis }: Fault
  ): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      const removed = Effect.timeout(this.removed(target), removalMillisMax)
      const asked = Effect.sleep(millis / 4)
      const left = Effect.andThen(Effect.andThen(removed, asked), this.ended(target))
      yield* this.holding([target], left)
      const another = Effect.sync(() => {
        const free = this.free()
        return free[Math.floor(draw * free.length)]
      })
      yield* this.letIn(yield* answered(another))
    })
  }
}
