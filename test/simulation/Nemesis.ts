/** Does to a simulated cluster what its program says, one fault at a time. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "./CutoverSteps.ts"
import { MembershipFaults } from "./MembershipFaults.ts"
import type { Operators } from "./Operators.ts"
import type { Fault, TimedFault } from "./Program.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { World } from "./World.ts"

export class Nemesis {
  private readonly world: World
  private readonly members: MembershipFaults
  private readonly operators: Operators
  /** Those that wait for their step of the cutover. */
  private armed: Array<TimedFault & { readonly step: Step }> = []
  /** It falls with what it commits next. */
  private due: { readonly name: string; readonly fallen: Deferred.Deferred<void> } | undefined

  constructor(world: World, operators: Operators) {
    this.world = world
    this.members = new MembershipFaults(world)
    this.operators = operators
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
        yield* this.strike(fault)
      }
    })
  }

  /** A node enters this step, in the middle of its turn: what waits for that strikes right after. */
  private entered(step: Step, name: string): void {
    const { findings, sim } = this.world
    this.world.note(`${step} ${name}`)
    findings.reach(`step ${step}`)
    if (this.isEnding) return
    const due = this.armed.filter((armed) => armed.step === step)
    this.armed = this.armed.filter((armed) => armed.step !== step)
    for (const { fault } of due) {
      sim.afterTurn(() => {
        if (!this.begins(fault, name)) return
        findings.reach(cellOf(step, fault.kind))
        this.world.note(fault.kind)
        this.begin(this.strike(fault, name))
      })
    }
  }

  /** Is there anything for it to begin with? */
  private begins(fault: Fault, entering: string): boolean {
    const { nodes, program } = this.world
    switch (fault.kind) {
      case "restart":
        return [...nodes.values()].some(({ phase }) => phase === "down" || phase === "halted")
      case "memberJoins":
        return this.members.canJoin
      case "memberLeaves":
        return program.spares > 0
      case "membersReplaced":
        return program.spares >= fault.count
      default: {
        const node = "node" in fault ? this.target(fault.node, entering) : undefined
        return !("node" in fault) || node?.phase === "up"
      }
    }
  }

  /** `entering`: the node at which a step of the cutover was entered. */
  private strike(fault: Fault, entering?: string): Effect.Effect<void> {
    const node = "node" in fault ? this.target(fault.node, entering) : undefined
    switch (fault.kind) {
      case "crash":
        return this.crash(fault, node === undefined ? [] : [node])
      case "crashOfAll":
        return this.crash({ ...fault, back: undefined }, this.world.up)
      case "restart":
        return this.restart(node)
      case "memberJoins":
        return this.members.joins(fault.wrongKekMillis)
      case "wrongKek":
        return this.wrongKek(fault, node)
      case "memberLeaves":
        return this.members.leaves(node)
      case "membersReplaced":
        return this.members.replaces(node, fault.count)
      case "transfer":
        return this.transfer(fault.to)
      case "oneWay":
        return this.oneWay(fault)
      case "partition":
        return this.partition(fault, node)
      case "loss":
      case "delay":
      case "reorder":
      case "duplication":
      case "lostAnswers":
        return this.weather(fault)
      case "snapshotBreaks":
        return Effect.sync(() => {
          this.world.network.piecesLeft = fault.pieces
        })
      case "leadersFall":
        return this.leadersFall(fault)
      case "rotation":
      case "anotherOperator":
        return this.operators.strike(fault)
      case "tornWrite":
        return node === undefined ? Effect.void : this.tear(fault, node)
      default:
        return node === undefined ? Effect.void : this.damage(fault, node)
    }
  }

  private target(node: number, entering?: string): SimulatedNode | undefined {
    const leader = () => entering ?? this.world.cluster.leader()
    const name = node === 0 ? leader() : this.world.nameOf.get(node)
    return name === undefined ? undefined : this.world.node(name)
  }

  private reach(kind: Fault["kind"]): void {
    this.world.findings.reach(kind)
  }

  private crash(
    { back, kept, kind }: Pick<Fault & { kind: "crash" }, "back" | "kept"> & Pick<Fault, "kind">,
    nodes: ReadonlyArray<SimulatedNode>
  ): Effect.Effect<void> {
    const running = nodes
      .filter(({ phase }) => phase !== "down" && phase !== "crashing")
      .map(({ name }) => name)
    if (running.length > 0) this.reach(kind)
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

  /** As after a mistake of an operator, who then sees it. */
  private wrongKek(
    { kind, millis }: Fault & { kind: "wrongKek" },
    node: SimulatedNode | undefined
  ) {
    if (node?.phase !== "up") return Effect.void
    this.reach(kind)
    const { name } = node
    node.hasWrongKek = true
    const restart = Effect.andThen(this.world.crash([name], 1), this.world.revive(name))
    return Effect.andThen(restart, this.world.givesRightKek(name, millis))
  }

  /** In the middle of its next write, whenever that is. */
  private tear(fault: Fault & { kind: "tornWrite" }, node: SimulatedNode): Effect.Effect<void> {
    if (node.phase !== "up") return Effect.void
    const torn = Effect.map(this.torn(node, fault.isKept), () => this.reach(fault.kind))
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
  private leadersFall(fault: Fault & { kind: "leadersFall" }): Effect.Effect<void> {
    const { at, back, count, kind, pauseMillis } = fault
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
        this.reach(kind)
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

  private restart(node: SimulatedNode | undefined): Effect.Effect<void> {
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
      this.reach("restart")
      world.start(down.name)
    })
  }

  private partition(fault: Fault & { kind: "partition" }, node: SimulatedNode | undefined) {
    const { network } = this.world
    const id = node === undefined ? undefined : network.idOf(node.name)
    if (id === undefined) return Effect.void
    this.reach(fault.kind)
    return Effect.sync(() => this.world.endsAfter(fault.millis, network.isolate(id)))
  }

  private oneWay(fault: Fault & { kind: "oneWay" }): Effect.Effect<void> {
    const { network } = this.world
    const from = this.target(fault.from)
    const id = from === undefined ? undefined : network.idOf(from.name)
    if (id === undefined || id === fault.to) return Effect.void
    this.reach(fault.kind)
    return Effect.sync(() => this.world.endsAfter(fault.millis, network.cut(id, fault.to)))
  }

  private weather(
    fault: Fault & { kind: "loss" | "delay" | "reorder" | "duplication" | "lostAnswers" }
  ): Effect.Effect<void> {
    const { weather } = this.world.network
    if (fault.kind !== "lostAnswers") this.reach(fault.kind)
    const [name, value, calm] = {
      loss: ["loss", "share" in fault ? fault.share : 0, 0] as const,
      duplication: ["repeat", "share" in fault ? fault.share : 0, 0] as const,
      delay: ["delayMillis", "upTo" in fault ? fault.upTo : 2, 2] as const,
      reorder: ["reorder", 1, 0] as const,
      lostAnswers: ["answers", 1, 0] as const
    }[fault.kind]
    return Effect.sync(() => {
      weather[name] = value
      this.world.endsAfter(fault.millis, () => {
        weather[name] = calm
      })
    })
  }

  /** What is done to one node and its disk. */
  private damage(fault: Fault, node: SimulatedNode): Effect.Effect<void> {
    return Effect.sync(() => {
      const disk = this.world.disk(node.name)
      if (fault.kind === "flippedBit") return this.flip(node, fault.at)
      if (node.phase !== "up") return
      switch (fault.kind) {
        case "pause":
          node.processor.pause()
          this.world.endsAfter(fault.millis, () => node.processor.resume())
          break
        case "drift":
          node.processor.drift(fault.rate)
          break
        case "slowDisk":
          disk.logWriteMillis = fault.writeMillis
          break
        case "logWriteError":
          node.mayHalt = true
          disk.nextLogFault = new Error("planted: the log cannot be written")
          break
        case "stateWriteError":
          node.mayHalt = true
          disk.nextStateFault = new Error("planted: the state cannot be written")
          break
        default:
          return
      }
      this.reach(fault.kind)
    })
  }

  /** In the log, until somebody has repaired it. */
  private flip(node: SimulatedNode, at: number): void {
    const disk = this.world.disk(node.name)
    const indexes = [...disk.entries.keys()]
    const index = indexes[Math.floor(at * indexes.length)]
    if (index === undefined || disk.isDamaged) return
    this.reach("flippedBit")
    const sound = disk.entries.get(index)!
    const damaged = Buffer.from(sound)
    const byte = Math.floor(at * 997) % damaged.length
    damaged[byte] = damaged[byte]! ^ (1 << (Math.floor(at * 9973) % 8))
    disk.entries.set(index, this.world.disguised(index, damaged))
    const found = disk.entries.get(index)
    disk.isDamaged = true
    node.mayHalt = true
    this.world.endsAfter(700, () => {
      if (disk.entries.get(index) === found) disk.entries.set(index, sound)
      disk.isDamaged = false
    })
  }

  private transfer(to: number): Effect.Effect<void> {
    const { cluster, nameOf } = this.world
    const leader = cluster.readyLeader()
    const target = nameOf.get(to)
    if (leader === undefined || target === undefined) return Effect.void
    const member = Members.memberOf(cluster.applier(leader).members, target as NodeName)
    if (member === undefined) return Effect.void
    const handOver = cluster.engine(leader).transferLeadership(member.id)
    return Effect.map(this.world.call(leader, handOver), (answer) => {
      if (answer !== "lost" && Exit.isSuccess(answer)) this.reach("transfer")
    })
  }
}

/** A cell of the table of steps and faults. */
export const cellOf = (step: Step, kind: Fault["kind"]): string => `${step} × ${kind}`
