/** Does to a simulated cluster what its program says, one fault at a time. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import type { Fault } from "./Program.ts"
import type { SimulatedNode, World } from "./World.ts"

export class Nemesis {
  private readonly world: World
  private joined = 0

  constructor(world: World) {
    this.world = world
  }

  /** All of the program, at its times. */
  get program(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { program, sim } = this.world
      for (const { atMillis, fault } of program.faults) {
        yield* Effect.sleep(Math.max(0, atMillis - sim.currentTimeMillisUnsafe()))
        this.world.note(fault.kind)
        yield* this.strike(fault)
      }
    })
  }

  private strike(fault: Fault): Effect.Effect<void> {
    const node = "node" in fault ? this.target(fault.node) : undefined
    switch (fault.kind) {
      case "crash":
        return this.crash(fault.kind, node === undefined ? [] : [node], fault.kept)
      case "crashOfAll":
        return this.crash(fault.kind, this.world.up, fault.kept)
      case "restart":
        return this.restart(node)
      case "memberJoins":
        return this.joins()
      case "memberLeaves":
        return this.leaves(node)
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
      default:
        return node === undefined ? Effect.void : this.damage(fault, node)
    }
  }

  private target(node: number): SimulatedNode | undefined {
    const name = node === 0 ? this.world.cluster.leader() : this.world.nameOf.get(node)
    return name === undefined ? undefined : this.world.node(name)
  }

  private reach(kind: Fault["kind"]): void {
    this.world.findings.reach(kind)
  }

  private crash(kind: Fault["kind"], nodes: ReadonlyArray<SimulatedNode>, kept: number) {
    const running = nodes.filter(({ phase }) => phase !== "down" && phase !== "crashing")
    if (running.length > 0) this.reach(kind)
    return this.world.crash(
      running.map(({ name }) => name),
      kept
    )
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
    const { nameOf } = this.world
    const id = [...nameOf].find(([, name]) => name === node?.name)?.[0]
    if (id === undefined) return Effect.void
    this.reach(fault.kind)
    const others = [1, 2, 3, 4, 5, 6, 7].filter((other) => other !== id)
    const links = others.flatMap((other) => [`${id} ${other}`, `${other} ${id}`])
    return this.cut(links, fault.millis)
  }

  private oneWay(fault: Fault & { kind: "oneWay" }): Effect.Effect<void> {
    const from = this.target(fault.from)?.name
    const id = [...this.world.nameOf].find(([, name]) => name === from)?.[0]
    if (id === undefined || id === fault.to) return Effect.void
    this.reach(fault.kind)
    return this.cut([`${id} ${fault.to}`], fault.millis)
  }

  private cut(links: ReadonlyArray<string>, millis: number): Effect.Effect<void> {
    const { cut, sim } = this.world
    const add = (more: number) => {
      for (const link of links) cut.set(link, (cut.get(link) ?? 0) + more)
    }
    return Effect.sync(() => {
      add(1)
      sim.after(millis, () => add(-1))
    })
  }

  private weather(
    fault: Fault & { kind: "loss" | "delay" | "reorder" | "duplication" | "lostAnswers" }
  ): Effect.Effect<void> {
    const { sim, weather } = this.world
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
      sim.after(fault.millis, () => {
        weather[name] = calm
      })
    })
  }

  /** What is done to one node and its disk. */
  private damage(fault: Fault, node: SimulatedNode): Effect.Effect<void> {
    return Effect.sync(() => {
      const { sim } = this.world
      const disk = this.world.disk(node.name)
      if (fault.kind === "flippedBit") return this.flip(node, fault.at)
      if (node.phase !== "up") return
      switch (fault.kind) {
        case "pause":
          node.processor.pause()
          sim.after(fault.millis, () => node.processor.resume())
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
        case "tornWrite":
          node.mayHalt = true
          disk.nextTear = { isKept: fault.isKept, onTorn: () => this.reach(fault.kind) }
          return
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
    this.world.sim.after(700, () => {
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

  /** In the background: it takes as long as the rest allows. */
  private joins(): Effect.Effect<void> {
    const { names, program } = this.world
    const name = names[program.founders + this.joined]
    if (name === undefined) return Effect.void
    this.joined += 1
    this.world.start(name)
    const joining = Effect.gen({ self: this }, function* () {
      const { cluster } = this.world
      while (cluster.introductionOf(name) === undefined) yield* Effect.sleep(10)
      yield* this.change(name, "addLearner")
      while (this.world.node(name).phase !== "up") yield* Effect.sleep(10)
      this.reach("memberJoins")
      yield* Effect.sleep(this.world.sim.numbers.below(300))
      yield* this.change(name, "addVoter")
    })
    return Effect.asVoid(Effect.forkDetach(joining))
  }

  private leaves(node: SimulatedNode | undefined): Effect.Effect<void> {
    if (node === undefined || this.world.program.spares === 0) return Effect.void
    const leaving = Effect.map(this.change(node.name, "remove"), () => this.reach("memberLeaves"))
    return Effect.asVoid(Effect.forkDetach(leaving))
  }

  /** Until it is so by the word of whoever leads, or there is no time left. */
  private change(name: string, action: Step["action"]): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { cluster } = this.world
      while (!this.world.isOver) {
        const leader = cluster.readyLeader()
        if (leader !== undefined) {
          const { members } = cluster.applier(leader)
          const known = Members.memberOf(members, name as NodeName)
          const isVoter = known !== undefined && members.configuration.voters.includes(known.id)
          const isIn = action === "addVoter" ? isVoter : known !== undefined
          if (isIn !== (action === "remove")) return
          // A cluster that is left with less than three voters is another test.
          if (action === "remove" && members.configuration.voters.length <= 3) return
          const id = known?.id ?? members.nextMemberId
          const described = known === undefined ? [cluster.described(name, id)] : []
          const step = { action, member: id }
          const change = Members.changeOf({ transition: "auto", steps: [step] }, described)
          yield* this.world.call(leader, cluster.engine(leader).changeMembership(change), 1_000)
        }
        yield* Effect.sleep(20)
      }
    })
  }
}
