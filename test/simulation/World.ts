/**
 * The nodes of a simulated cluster, each on a processor and a disk of its own, and how anybody outside
 * calls one.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as Raft from "../../src/domain/raft/Raft.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { type MakeCore, RaftCore } from "../../src/services/RaftCore.ts"
import { clusterId, MemoryCluster, type NodeServices } from "../support/MemoryCluster.ts"
import { kekValue } from "../support/MemoryNode.ts"
import { settings, tagOf } from "./ClusterCalls.ts"
import { Findings } from "./Findings.ts"
import { GateKeepsOut } from "./invariants/GateKeepsOut.ts"
import type { Planted } from "./Planted.ts"
import * as PrefixEncryption from "./PrefixEncryption.ts"
import type { Program } from "./Program.ts"
import { Sim } from "./Sim.ts"
import { groupId, SimulatedDisk } from "./SimulatedDisk.ts"
import { SimulatedNetwork } from "./SimulatedNetwork.ts"
import { SimulatedNode } from "./SimulatedNode.ts"
import { Watch } from "./Watch.ts"

/** What somebody outside gets of a call. */
export type Answer<A> = Exit.Exit<A, unknown> | "lost"

/** A node whose write was refused has stopped by then. */
const stopMillisMax = 500

/** How long is waited for something, and what is violated if it does not come. */
interface Patience {
  readonly invariant: string
  readonly millisMax: number
}

export class World {
  readonly program: Program
  readonly sim: Sim
  readonly findings: Findings
  readonly watch: Watch
  private readonly gate: GateKeepsOut
  readonly cluster: MemoryCluster
  readonly nodes = new Map<string, SimulatedNode>()
  /** By member id; a spare has one once it was admitted. */
  readonly nameOf = new Map<number, string>()
  readonly network: SimulatedNetwork
  isOver = false
  /** By then everything that was begun for a time has ended. */
  calmAtMillis = 0
  private readonly planted: Planted
  private readonly disks = new Map<string, SimulatedDisk>()

  constructor(program: Program, planted: Planted) {
    this.program = program
    this.planted = planted
    const sim = new Sim(program.seed, program.pace.preemptedOnceIn)
    this.sim = sim
    this.findings = new Findings(() => sim.halt())
    this.watch = new Watch({
      findings: this.findings,
      cluster: { clusterId, kek: PrefixEncryption.kekOf(kekValue) },
      diskOf: (member) => this.disks.get(this.nameOf.get(member) ?? ""),
      sim
    })
    this.gate = new GateKeepsOut({
      findings: this.findings,
      unable: () => new Map(this.unable()),
      membersOf: (name) =>
        [...this.cluster.applier(name).members.byId.values()].map(({ nodeName }) => nodeName)
    })
    this.watch.watched = () => this.up.flatMap(({ watched }) => watched ?? [])
    const names = this.names
    for (const [at, name] of names.slice(0, program.founders).entries()) {
      this.nameOf.set(at + 1, name)
    }
    this.cluster = new MemoryCluster({
      founders: names.slice(0, program.founders),
      seed: program.seed,
      settings: { ...settings, ...planted.settings },
      makeDisk: (name) => this.disk(name),
      stores: planted.stores,
      kekValueOf: (name) => this.kekValueOf(name),
      swaps: (name) => [
        ...planted.swaps(name),
        ...this.watch.steps.swaps(name),
        ...this.gate.swaps(name)
      ]
    })
    for (const [at, name] of names.entries()) {
      this.nodes.set(name, new SimulatedNode(name, sim, this.watch))
      this.disk(name).logWriteMillis = program.pace.writeMillis[at]!
      this.disk(name).onRefused = () => this.mustStop(name)
    }
    this.network = new SimulatedNetwork(this.cluster.network, this)
  }

  get names(): ReadonlyArray<string> {
    const { founders, spares } = this.program
    return Array.from({ length: founders + spares }, (_, at) => `n${at + 1}`)
  }

  get up(): ReadonlyArray<SimulatedNode> {
    return [...this.nodes.values()].filter(({ phase }) => phase === "up" || phase === "halted")
  }

  node(name: string): SimulatedNode {
    return this.nodes.get(name)!
  }

  disk(name: string): SimulatedDisk {
    const disk =
      this.disks.get(name) ?? new SimulatedDisk(name, this.watch, this.planted.isUnsynced)
    this.disks.set(name, disk)
    return disk
  }

  pick<A>(values: ReadonlyArray<A>): A | undefined {
    return values[this.sim.numbers.below(values.length)]
  }

  note(text: string): void {
    this.sim.note(text)
  }

  /** Ends in so many milliseconds what was begun. */
  endsAfter(millis: number, end: () => void): void {
    this.lasts(millis)
    this.sim.after(millis, end)
  }

  /** It is not calm before so many milliseconds have passed. */
  lasts(millis: number): void {
    this.calmAtMillis = Math.max(this.calmAtMillis, this.sim.currentTimeMillisUnsafe() + millis)
  }

  /** Does not wait. */
  start(name: string): void {
    const node = this.node(name)
    if (node.phase !== "down") return
    node.phase = "starting"
    node.lives(node.kek === "right" ? undefined : `has a KEK that is ${node.kek}`)
    node.mayHalt = this.disk(name).isDamaged || node.kek !== "right"
    const makeCore: MakeCore = (given) => {
      const { messageBytesMax, preVote } = this.program.pace
      const options = { ...given, messageBytesMax, preVote }
      const raft = this.planted.makeCore({
        options,
        make: (bug) => Raft.make(options, bug),
        send: (message) => this.cluster.network.fate(message)
      })
      // What a hard state says, and so what a founding does, was looked at when it was written.
      const { commit: commitSeen } = raft.status()
      const watched = { name, raft, commitSeen, wasLeader: false, barrier: undefined }
      node.watched = watched
      // What was committed was so by the configuration before.
      const applyChange = raft.applyMembershipChange.bind(raft)
      raft.applyMembershipChange = (change) => {
        this.watch.turned(watched)
        return applyChange(change)
      }
      return raft
    }
    const starting = Effect.provideService(this.cluster.start(name), RaftCore, makeCore)
    node.opening = node.processor.fork(starting)
    node.opening.addObserver((exit) => this.hasStarted(node, exit))
  }

  /**
   * Their power goes in one moment; `kept` is the share of unflushed commits that survives. A node that
   * is losing it already does so first: two of them would leave a disk with two openings.
   */
  crash(names: ReadonlyArray<string>, kept: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const nodes = names.map((name) => this.node(name))
      while (nodes.some(({ phase }) => phase === "crashing")) yield* Effect.sleep(1)
      for (const node of nodes) {
        const disk = this.disk(node.name)
        if (kept < 1 && disk.unflushedCommits > 0) this.findings.reach("stateCommitsLost")
        node.watched = undefined
        this.watch.barriers.stopped(node.name)
        node.phase = "crashing"
        node.lives("is down")
        disk.crash({ keptCommits: Math.floor(kept * disk.unflushedCommits) })
        // Held, until nothing of the opening that was cut short is left.
        disk.isOpen = true
        node.processor.resume()
      }
      // It may have been struck in the middle of a turn.
      yield* Effect.yieldNow
      for (const node of nodes) {
        if (node.opening !== undefined) yield* Fiber.interrupt(node.opening)
        yield* this.cluster.stop(node.name)
        this.disk(node.name).isOpen = false
        node.phase = "down"
        node.watched = undefined
      }
    })
  }

  /** What is down or has halted is started again. */
  revive(name: string): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.node(name).phase === "halted") yield* this.crash([name], 1)
      this.start(name)
    })
  }

  /** After so long it is started again with the KEK of the cluster, unless it was; does not wait. */
  givesRightKek(name: string, millis: number): Effect.Effect<void> {
    this.lasts(millis)
    const repaired = Effect.gen({ self: this }, function* () {
      const node = this.node(name)
      if (node.kek === "right") return
      node.kek = "right"
      if (!node.isOff) yield* this.crash([name], 1)
      this.start(name)
    })
    return Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(millis), repaired)))
  }

  /** Asks a node, and waits for so long. */
  call<A, E>(
    name: string,
    effect: Effect.Effect<A, E, NodeServices>,
    timeoutMillis = 1_500
  ): Effect.Effect<Answer<A>> {
    return Effect.gen({ self: this }, function* () {
      const node = this.node(name)
      if (!this.cluster.openNames.includes(name)) return "lost" as const
      const { opening } = this.disk(name)
      const services = this.cluster.services(name)
      const asked = node.processor.run(Effect.provideContext(effect, services))
      const answer = yield* Effect.timeoutOption(Effect.exit(asked), timeoutMillis)
      // Nobody hears a node whose power is gone; what it still says is of memory that is not its own.
      const isHeard = this.disk(name).opening === opening
      if (!isHeard || Option.isNone(answer)) return "lost" as const
      if (this.network.weather.answers > 0 && this.sim.numbers.below(2) === 0) {
        this.network.meets.answers?.()
        return "lost" as const
      }
      const isForSpace = Exit.isFailure(answer.value) && tagOf(answer.value.cause) === "SpaceLow"
      if (isForSpace) this.refusedForSpace(node)
      return answer.value
    })
  }

  private refusedForSpace(node: SimulatedNode): void {
    this.findings.reach("SpaceLow")
    if (node.refusesForSpace !== undefined) return node.refusesForSpace()
    this.findings.violated("space", `${node.name} never wanted room, and refuses for that`)
  }

  /** Not a moment before: a duration is rounded to nanoseconds, so one more is waited. */
  sleepUntil(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const left = millis - this.sim.currentTimeMillisUnsafe()
      return Effect.sleep(Math.max(0, Number.isInteger(left) ? left : left + 1e-6))
    })
  }

  /** Waits; a violation if it takes longer. */
  until(
    holds: () => boolean,
    what: string,
    { invariant, millisMax }: Patience = { invariant: "liveness", millisMax: 20_000 }
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let millis = 0; !holds(); millis += 10) {
        if (millis > millisMax) {
          this.findings.violated(invariant, `not within ${millisMax} ms: ${what}`)
          return yield* Effect.never
        }
        yield* Effect.sleep(10)
      }
    })
  }

  /** As the checksum would have it, if nobody were to look at it. */
  disguised(index: number, record: Buffer): Buffer {
    return this.planted.isDamageUnseen ? resealed(index, record) : record
  }

  private hasStarted(node: SimulatedNode, exit: Exit.Exit<void, unknown>): void {
    node.opening = undefined
    if (node.phase !== "starting") return
    if (node.kek === "missing") {
      this.findings.reach(Exit.isSuccess(exit) ? "startedWithoutKek" : "refusedWithoutKek")
    }
    if (Exit.isSuccess(exit)) {
      node.phase = "up"
      this.nameOf.set(this.cluster.memberId(node.name), node.name)
      this.watchBarrier(node)
      const { stopped } = this.cluster.engine(node.name)
      node.processor.fork(stopped).addObserver((end) => this.hasStopped(node, end))
      return
    }
    node.phase = "down"
    node.watched = undefined
    if (Cause.hasInterruptsOnly(exit.cause)) return
    this.mustHaveReason(node, exit.cause, "refusedToStart")
  }

  private watchBarrier({ name, watched }: SimulatedNode): void {
    if (watched === undefined) return
    const services = this.cluster.services(name)
    const barrier = Context.get(services, QuiescenceBarrier)
    const cutover = Context.get(services, Cutover)
    watched.barrier = () => ({
      isClosed: barrier.state().isClosed,
      isRunning: cutover.state()._tag !== "Idle"
    })
  }

  private hasStopped(node: SimulatedNode, exit: Exit.Exit<never, unknown>): void {
    if (node.phase !== "up" || Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    node.phase = "halted"
    this.mustHaveReason(node, exit.cause, "halted")
  }

  /** Whoever cannot write must not go on (SPEC §8). */
  private mustStop(name: string): void {
    const node = this.node(name)
    const { life } = node
    const look = () => {
      if (node.life !== life || node.phase === "halted" || node.isOff) return
      if (node.processor.isPaused) return this.endsAfter(stopMillisMax, look)
      this.findings.violated(
        "halt",
        `${name} goes on for ${stopMillisMax} ms after a refused write`
      )
    }
    this.endsAfter(stopMillisMax, look)
  }

  /** A node stops because a fault made it, and for no other reason. */
  private mustHaveReason(node: SimulatedNode, cause: Cause.Cause<unknown>, state: string): void {
    const mayHalt = node.mayHalt || node.name === this.planted.mayHalt
    if (mayHalt || node.watched === undefined) this.findings.reach(state)
    else this.findings.violated("halt", `${node.name} stopped: ${Cause.pretty(cause)}`)
  }

  /** No two nodes have the same wrong one. */
  private kekValueOf(name: string): number | "none" | undefined {
    const { kek } = this.node(name)
    if (kek === "right") return undefined
    return kek === "missing" ? "none" : 100 + this.names.indexOf(name)
  }

  private *unable(): Iterable<readonly [name: string, reason: string]> {
    for (const { name, unable } of this.nodes.values())
      if (unable !== undefined) yield [name, unable]
  }
}

const resealed = (index: number, record: Buffer): Buffer => {
  const term = record.readUIntBE(2, 6) as Term
  const data = record.subarray(9, record.length - 4)
  return EntryRecord.encode(groupId, { term, index: index as LogIndex, kind: "normal", data })
}
