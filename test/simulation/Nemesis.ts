/** Does to a simulated cluster what its program says, one fault at a time. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "./CutoverSteps.ts"
import { DiskFaults } from "./DiskFaults.ts"
import type { Struck } from "./Findings.ts"
import { MembershipFaults } from "./MembershipFaults.ts"
import { OpeningFaults } from "./OpeningFaults.ts"
import type { Operators } from "./Operators.ts"
import type { Fault, FaultKind, FaultOfNode, TimedFault } from "./Program.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { World } from "./World.ts"

export class Nemesis {
  private readonly world: World
  private readonly members: MembershipFaults
  private readonly operators: Operators
  private readonly damage: DiskFaults
  private readonly opened: OpeningFaults
  /** Those that wait for their step of the cutover. */
  private armed: Array<TimedFault & { readonly step: Step }> = []
  /** It falls with what it commits next. */
  private due: { readonly name: string; readonly fallen: Deferred.Deferred<void> } | undefined

  constructor(world: World, operators: Operators) {
    this.world = world
    this.members = new MembershipFaults(world)
    this.operators = operators
    this.damage = new DiskFaults(world)
    this.opened = new OpeningFaults(world)
    world.watch.steps.onEntered = (step, name) => this.entered(step, name)
    world.watch.onCommit = (name) => this.committed(name)
  }

  /** All of the program, at its times and at the steps of the cutover. */
  get program(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { program, sim } = this.world
      for (const timed of program.faults) {
        yield* Effect.sleep(Math.max(0, timed.atMillis - sim.currentTimeMillisUnsafe()))
        const { fault, step } = timed
        if (step !== undefined) {
          this.armed.push({ ...timed, step })
          continue
        }
        this.world.note(fault.kind)
        yield* this.strike(fault, this.struckOf(fault.kind))
      }
    })
  }

  /**
   * A node enters this step, in the middle of its turn: what waits for that strikes right after, or waits on
   * if it has nothing to strike there yet.
   */
  private entered(step: Step, name: string): void {
    const { findings, sim } = this.world
    this.world.note(`${step} ${name}`)
    findings.reach(`step ${step}`)
    if (this.isEnding) return
    const due = this.armed.filter((armed) => armed.step === step && this.isReady(armed.fault, name))
    this.armed = this.armed.filter((armed) => !due.includes(armed))
    for (const { fault } of due) {
      sim.afterTurn(() => {
        this.world.note(fault.kind)
        this.begin(this.strike(fault, this.struckOf(fault.kind, step), name))
      })
    }
  }

  /** At the first gates of a cluster no node has taken an epoch. */
  private isReady(fault: Fault, entering: string): boolean {
    if (fault.kind !== "oldEpochs") return true
    const node = this.target(fault.node, entering)
    return node !== undefined && this.opened.hasOldEpochs(node)
  }

  /** What tells that it really strikes: of its kind each time, of the step it was aimed at once. */
  private struckOf(kind: FaultKind, step?: Step): Struck {
    const { findings } = this.world
    let aimedAt = step
    return () => {
      findings.reach(kind)
      if (aimedAt !== undefined) findings.reach(cellOf(aimedAt, kind))
      aimedAt = undefined
    }
  }

  /** `entering`: the node at which a step of the cutover was entered. */
  private strike(fault: Fault, struck: Struck, entering?: string): Effect.Effect<void> {
    const node = "node" in fault ? this.target(fault.node, entering) : undefined
    switch (fault.kind) {
      case "crash":
        return this.crash(fault, node === undefined ? [] : [node], struck)
      case "crashOfAll":
        return this.crash({ ...fault, back: undefined }, this.world.up, struck)
      case "restart":
        return this.restart(node, struck)
      case "memberJoins":
        return this.members.joins(fault.wrongKekMillis, struck)
      case "memberLeaves":
        return this.members.leaves(node, struck)
      case "membersReplaced":
        return this.members.replaces(node, fault.count, struck)
      case "transfer":
        return this.transfer(fault.to, struck)
      case "oneWay":
        return this.oneWay(fault, struck)
      case "loss":
      case "delay":
      case "reorder":
      case "duplication":
      case "lostAnswers":
        return this.weather(fault, struck)
      case "snapshotBreaks":
        return Effect.sync(() => this.world.network.breaksAfter(fault.pieces, struck))
      case "leadersFall":
        return this.leadersFall(fault, struck)
      case "rotation":
      case "anotherOperator":
        return this.operators.strike(fault, struck)
      default:
        return node === undefined ? Effect.void : this.strikeNode(fault, node, struck)
    }
  }

  private strikeNode(fault: FaultOfNode, node: SimulatedNode, struck: Struck) {
    switch (fault.kind) {
      case "partition":
        return this.partition(fault, node, struck)
      case "tornWrite":
        return this.tear(fault, node, struck)
      case "wrongKek":
      case "missingKek":
        return this.opened.withKek(fault, node, struck)
      case "oldEpochs":
        return this.opened.withOldEpochs(fault, node, struck)
      default:
        return this.damage.strike(fault, node, struck)
    }
  }

  private target(node: number, entering?: string): SimulatedNode | undefined {
    const leader = () => entering ?? this.world.cluster.leader()
    const name = node === 0 ? leader() : this.world.nameOf.get(node)
    return name === undefined ? undefined : this.world.node(name)
  }

  private crash(
    { back, kept }: Pick<Fault & { kind: "crash" }, "back" | "kept">,
    nodes: ReadonlyArray<SimulatedNode>,
    struck: Struck
  ): Effect.Effect<void> {
    const running = nodes
      .filter(({ phase }) => phase !== "down" && phase !== "crashing")
      .map(({ name }) => name)
    if (running.length > 0) struck()
    const crash = this.world.crash(running, kept)
    return Effect.andThen(
      crash,
      Effect.forEach(running, (name) => this.comesBack(name, back))
    )
  }

  /** As a supervisor starts it again; does not wait for it. */
  private comesBack(name: string, back: number | undefined): Effect.Effect<void> {
    if (back === undefined) return Effect.void
    const { world } = this
    world.lasts(back)
    const later = Effect.andThen(Effect.sleep(back), world.revive(name))
    return Effect.asVoid(Effect.forkDetach(later))
  }

  /** In the middle of its next write, whenever that is. */
  private tear(
    fault: Fault & { kind: "tornWrite" },
    node: SimulatedNode,
    struck: Struck
  ): Effect.Effect<void> {
    if (node.phase !== "up") return Effect.void
    const torn = Effect.map(this.torn(node, fault.isKept), struck)
    const comesBack = Effect.andThen(torn, this.comesBack(node.name, fault.back))
    return Effect.asVoid(Effect.forkDetach(comesBack))
  }

  /** Its power goes with its next write; waits for that. */
  private torn(node: SimulatedNode, isKept: boolean): Effect.Effect<void> {
    const torn = Deferred.makeUnsafe<void>()
    const onTorn = () => void Deferred.doneUnsafe(torn, Effect.void)
    node.mayHalt = true
    this.world.disk(node.name).nextTear = { isKept, onTorn }
    return Deferred.await(torn)
  }

  /** One after the other, so that entries stand on one disk alone (thesis §3.6.2, figure 3.7). */
  private leadersFall(
    { at, back, count, pauseMillis }: Fault & { kind: "leadersFall" },
    struck: Struck
  ): Effect.Effect<void> {
    const { world } = this
    const falling = Effect.gen({ self: this }, function* () {
      for (let fallen = 0; fallen < count && !this.isEnding; fallen++) {
        yield* Effect.sleep(world.sim.numbers.below(pauseMillis + 1))
        let leader = this.target(0)
        while (leader?.phase !== "up" && !this.isEnding) {
          yield* Effect.sleep(2)
          leader = this.target(0)
        }
        if (leader === undefined || this.isEnding) return
        const falls = at === "commit" ? this.fallsAtCommit(leader) : this.torn(leader, true)
        if (Option.isNone(yield* Effect.timeoutOption(falls, 100))) continue
        struck()
        if (at === "commit") world.findings.reach("leaderFellAtCommit")
        yield* this.comesBack(leader.name, back)
      }
    })
    return Effect.asVoid(Effect.forkDetach(falling))
  }

  /** Waits until it has. */
  private fallsAtCommit({ name }: SimulatedNode): Effect.Effect<void> {
    const fallen = Deferred.makeUnsafe<void>()
    this.due = { name, fallen }
    return Effect.ensuring(
      Deferred.await(fallen),
      Effect.sync(() => {
        this.due = undefined
      })
    )
  }

  private committed(name: string): void {
    const { due, world } = this
    if (due?.name !== name || this.isEnding) return
    this.due = undefined
    world.node(name).losesSent = true
    world.sim.afterTurn(() => {
      this.begin(Effect.ensuring(world.crash([name], 1), Deferred.succeed(due.fallen, undefined)))
    })
  }

  /** Between two turns, in a fibre of its own. */
  private begin(effect: Effect.Effect<void>): void {
    const { sim } = this.world
    Effect.runFork(Effect.provideService(effect, Clock.Clock, sim), { scheduler: sim })
  }

  /** No new fault begins now. */
  private get isEnding(): boolean {
    return this.world.sim.currentTimeMillisUnsafe() >= this.world.program.pace.horizonMillis
  }

  private restart(node: SimulatedNode | undefined, struck: Struck): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { world } = this
      const halted = world.up.filter(({ phase }) => phase === "halted")
      yield* world.crash(
        halted.map(({ name }) => name),
        1
      )
      const wanted = node?.phase === "down" ? node : undefined
      const any = [...world.nameOf.values()].map((name) => world.node(name))
      const down = wanted ?? any.find(({ phase }) => phase === "down")
      if (down === undefined) return
      struck()
      world.start(down.name)
    })
  }

  private partition(
    fault: Fault & { kind: "partition" },
    { isOff, name }: SimulatedNode,
    struck: Struck
  ): Effect.Effect<void> {
    const { network } = this.world
    const id = network.idOf(name)
    if (id === undefined) return Effect.void
    if (!isOff) struck()
    return Effect.sync(() => this.world.endsAfter(fault.millis, network.isolate(id)))
  }

  /** To the next node, if it would be to itself. */
  private oneWay(fault: Fault & { kind: "oneWay" }, struck: Struck): Effect.Effect<void> {
    const { nameOf, network } = this.world
    const from = this.target(fault.from)
    const id = from === undefined ? undefined : network.idOf(from.name)
    if (from === undefined || id === undefined) return Effect.void
    const to = id === fault.to ? (id % this.world.program.founders) + 1 : fault.to
    const target = nameOf.get(to)
    if (!from.isOff && target !== undefined && !this.world.node(target).isOff) struck()
    return Effect.sync(() => this.world.endsAfter(fault.millis, network.cut(id, to)))
  }

  private weather(
    fault: Fault & { kind: "loss" | "delay" | "reorder" | "duplication" | "lostAnswers" },
    struck: Struck
  ): Effect.Effect<void> {
    const { meets, weather } = this.world.network
    const [name, value, calm] = {
      loss: ["loss", "share" in fault ? fault.share : 0, 0] as const,
      duplication: ["repeat", "share" in fault ? fault.share : 0, 0] as const,
      delay: ["delayMillis", "upTo" in fault ? fault.upTo : 2, 2] as const,
      reorder: ["reorder", 1, 0] as const,
      lostAnswers: ["answers", 1, 0] as const
    }[fault.kind]
    return Effect.sync(() => {
      weather[name] = value
      meets[name] = struck
      this.world.endsAfter(fault.millis, () => {
        weather[name] = calm
        if (meets[name] === struck) delete meets[name]
      })
    })
  }

  private transfer(to: number, struck: Struck): Effect.Effect<void> {
    const { cluster, nameOf } = this.world
    const leader = cluster.readyLeader()
    const target = nameOf.get(to)
    if (leader === undefined || target === undefined) return Effect.void
    const member = Members.memberOf(cluster.applier(leader).members, target as NodeName)
    if (member === undefined) return Effect.void
    const handOver = cluster.engine(leader).transferLeadership(member.id)
    return Effect.map(this.world.call(leader, handOver), (answer) => {
      if (answer !== "lost" && Exit.isSuccess(answer)) struck()
    })
  }
}

/** A cell of the table of steps and faults. */
export const cellOf = (step: Step, kind: Fault["kind"]): string => `${step} × ${kind}`
