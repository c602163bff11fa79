/**
 * A cluster under a simulated scheduler, clock, network and disks, with clients, an operator, members
 * that come and go, and a nemesis. After the run everything works again, and the cluster has to.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { MemberId, NodeName } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../src/domain/raft/Message.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { isDefinite, rethrown, settings, tagOf } from "./ClusterCalls.ts"
import { HistoryViolated, RegisterHistory } from "./RegisterHistory.ts"
import { checkEqualLogs, checkEqualStates, checkNoncesOfLogs } from "./ReplicasCheck.ts"
import { checkSealedLog } from "./SealedLogCheck.ts"
import { Sim } from "./Sim.ts"

export interface Plan {
  readonly seed: number
  readonly founders: number
  /** Nodes that may join. */
  readonly spares: number
  readonly events: number
}

/** What a run has come to. */
export interface Outcome {
  readonly steps: number
  readonly traceHash: number
  readonly counts: RegisterHistory["counts"]
  readonly leaders: number
  readonly crashes: number
  readonly transfers: number
  readonly membershipChanges: number
  /** Snapshots that were installed, about. */
  readonly snapshots: number
  readonly cutoverIndex: number
  readonly sealedEntries: number
}

class ClusterRun {
  readonly plan: Plan
  readonly sim: Sim
  readonly cluster: MemoryCluster
  readonly history = new RegisterHistory()
  readonly counts = { crashes: 0, transfers: 0, membershipChanges: 0, snapshots: 0 }
  readonly names: ReadonlyArray<string>
  readonly leaderOfTerm = new Map<number, MemberId>()
  cutoverIndex = 0
  isOver = false
  /** Seen where nothing may be thrown. */
  private violation: string | undefined = undefined
  /** Messages from the first to the second are lost. */
  private readonly cut = new Set<string>()
  private weather = { loss: 0, repeat: 0, delayMillis: 2 }
  private readonly started = new Set<string>()

  constructor(plan: Plan) {
    this.plan = plan
    this.sim = new Sim(plan.seed)
    this.names = Array.from({ length: plan.founders + plan.spares }, (_, at) => `n${at + 1}`)
    const founders = this.names.slice(0, plan.founders)
    this.cluster = new MemoryCluster({ founders, seed: plan.seed, settings })
    for (const name of this.names)
      this.cluster.disk(name).logWriteMillis = this.sim.numbers.below(8)
    this.cluster.network.fate = (message) => this.fateOf(message)
  }

  get program(): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      const founders = this.names.slice(0, this.plan.founders)
      for (const name of founders) this.started.add(name)
      yield* this.cluster.startAll()
      const writers = [0, 1, 2].map((name) => this.writer(`w${name}`))
      const fibres = yield* Effect.forEach(
        [...writers, this.reader, this.reader, this.operator, this.members],
        (role) => Effect.forkChild(role)
      )
      for (let at = 0; at < this.plan.events; at++) yield* this.event
      yield* this.recover
      this.isOver = true
      yield* Fiber.joinAll(fibres)
      yield* this.settle
    })
  }

  private get startedNames(): ReadonlyArray<string> {
    return [...this.started]
  }

  private pick<A>(values: ReadonlyArray<A>): A | undefined {
    return values[this.sim.numbers.below(values.length)]
  }

  private fateOf(message: Message): ReadonlyArray<number> {
    if (message._tag === "Append" || message._tag === "Heartbeat") {
      const known = this.leaderOfTerm.get(message.term) ?? message.from
      if (known !== message.from) this.violation ??= `two leaders in term ${message.term}`
      this.leaderOfTerm.set(message.term, known)
    }
    const { numbers } = this.sim
    const { delayMillis, loss, repeat } = this.weather
    if (this.cut.has(`${message.from} ${message.to}`) || numbers.next() < loss) return []
    const copies = numbers.next() < repeat ? 2 : 1
    return Array.from({ length: copies }, () => numbers.below(delayMillis + 1))
  }

  private writer(key: string) {
    return Effect.gen({ self: this }, function* () {
      while (!this.isOver) {
        yield* Effect.sleep(this.sim.numbers.below(20))
        const name = this.cluster.readyLeader() ?? this.pick(this.cluster.openNames)
        if (name !== undefined) yield* this.write(name, key)
      }
    })
  }

  private write(name: string, key: string) {
    return Effect.gen({ self: this }, function* () {
      const number = this.history.next(key)
      const value = Buffer.from(`value ${number}`)
      const put = Effect.flatMap(KvStore, (store) => store.put(Buffer.from(key), value))
      const exit = yield* Effect.exit(this.cluster.on(name, put))
      if (Exit.isSuccess(exit)) this.history.acknowledged(key, number)
      else if (isDefinite(exit.cause)) this.history.failed(key, number)
      else this.history.leftOpen()
    })
  }

  private get reader() {
    return Effect.gen({ self: this }, function* () {
      while (!this.isOver) {
        yield* Effect.sleep(this.sim.numbers.below(15))
        const name = this.pick(this.cluster.openNames)
        const key = this.pick(this.history.keys)
        if (name !== undefined && key !== undefined)
          yield* Effect.exit(this.read(name, key)).pipe(Effect.flatMap(rethrown))
      }
    })
  }

  private read(name: string, key: string) {
    return Effect.gen({ self: this }, function* () {
      const reading = this.history.begin(key)
      const { opening } = this.cluster.disk(name)
      const get = Effect.flatMap(KvStore, (store) => store.get(Buffer.from(key)))
      const found = yield* this.cluster.on(name, get)
      // Nobody hears a node whose power is gone; what it still says is of memory that is not its own.
      if (this.cluster.disk(name).opening !== opening) return
      const text = found === undefined ? "value 0" : Buffer.from(found.value).toString()
      this.history.end(reading, Number(text.split(" ")[1]), name)
    })
  }

  /** Goes through the phases, again and again, on whoever leads. */
  private get operator() {
    return Effect.gen({ self: this }, function* () {
      while (!this.isOver) {
        yield* Effect.sleep(50 + this.sim.numbers.below(400))
        const name = this.cluster.readyLeader()
        if (name === undefined) continue
        const enable = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
        yield* Effect.exit(this.cluster.on(name, enable))
        yield* Effect.sleep(this.sim.numbers.below(300))
        const enableRaft = Effect.flatMap(Cutover, (cutover) => cutover.enableRaftEnvelope)
        const exit = yield* Effect.exit(this.cluster.on(name, enableRaft))
        if (Exit.isSuccess(exit)) this.cutOverAt(exit.value.cutoverIndex)
      }
    })
  }

  private cutOverAt(index: number): void {
    if (this.cutoverIndex !== 0 && this.cutoverIndex !== index) {
      throw new HistoryViolated(`cut over at ${this.cutoverIndex} and at ${index}`)
    }
    this.cutoverIndex = index
  }

  /** Spares join as learners, are promoted, and others are removed. */
  private get members() {
    return Effect.gen({ self: this }, function* () {
      for (const name of this.names.slice(this.plan.founders)) {
        if (this.isOver) return
        yield* Effect.sleep(this.sim.numbers.below(500))
        const joining = yield* Effect.forkChild(this.cluster.start(name))
        yield* this.until(() => this.cluster.introductionOf(name) !== undefined)
        yield* this.change(name, "addLearner")
        yield* this.until(() => joining.pollUnsafe() !== undefined)
        this.started.add(name)
        yield* Effect.sleep(this.sim.numbers.below(300))
        yield* this.change(name, "addVoter")
        yield* Effect.sleep(this.sim.numbers.below(300))
        const leaving = this.pick(this.names.slice(0, this.plan.founders))!
        yield* this.change(leaving, "remove")
      }
    })
  }

  /** Until it is so by the word of whoever leads. */
  private change(name: string, action: Step["action"]) {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        yield* this.until(() => this.cluster.readyLeader() !== undefined)
        const leader = this.cluster.readyLeader()!
        const { members } = this.cluster.applier(leader)
        const known = Members.memberOf(members, name as NodeName)
        const isVoter = known !== undefined && members.configuration.voters.includes(known.id)
        const isDone =
          action === "remove"
            ? known === undefined
            : action === "addVoter"
              ? isVoter
              : known !== undefined
        if (isDone) return
        const id = known?.id ?? members.nextMemberId
        const described = known === undefined ? [this.cluster.described(name, id)] : []
        const steps = [{ action, member: id }]
        const change = Members.changeOf({ transition: "auto", steps }, described)
        const exit = yield* Effect.exit(
          Effect.timeout(this.cluster.engine(leader).changeMembership(change), 1_000)
        )
        if (Exit.isSuccess(exit)) this.counts.membershipChanges += 1
        else yield* Effect.sleep(20)
      }
    })
  }

  private until(holds: () => boolean) {
    return Effect.gen({ self: this }, function* () {
      for (let at = 0; !holds(); at++) {
        const violation = this.violation ?? (at > 6_000 ? "it makes no progress" : undefined)
        if (violation !== undefined) return yield* Effect.die(new HistoryViolated(violation))
        yield* Effect.sleep(10)
      }
    })
  }

  /** One turn of the nemesis. */
  private get event() {
    return Effect.gen({ self: this }, function* () {
      const { numbers } = this.sim
      yield* Effect.sleep(numbers.below(250))
      const open = this.cluster.openNames.filter((name) => this.started.has(name))
      const closed = this.startedNames.filter((name) => !this.cluster.openNames.includes(name))
      const name = numbers.below(2) === 0 ? this.cluster.leader() : this.pick(open)
      switch (numbers.below(10)) {
        case 0:
        case 1:
          if (name !== undefined && open.includes(name)) yield* this.crash(name)
          return
        case 2:
        case 3:
          if (closed.length > 0) yield* this.cluster.start(this.pick(closed)!)
          return
        case 4:
          return this.isolate(name)
        case 5:
          return this.cutOneWay()
        case 6:
          return this.cut.clear()
        case 7:
          this.weather = {
            loss: numbers.below(3) * 0.1,
            repeat: numbers.below(3) * 0.1,
            delayMillis: numbers.below(30)
          }
          for (const each of this.names) this.cluster.disk(each).logWriteMillis = numbers.below(8)
          return
        case 8:
          return yield* this.handOver
        case 9:
          return yield* this.crash(...open)
      }
    })
  }

  private crash(...names: ReadonlyArray<string>) {
    return Effect.suspend(() => {
      this.counts.crashes += names.length
      return this.cluster.crash(names, (unflushed) => this.sim.numbers.below(unflushed + 1))
    })
  }

  private isolate(name: string | undefined): void {
    if (name === undefined) return
    const id = this.cluster.memberId(name)
    for (let other = 1; other <= this.names.length; other++) {
      this.cut.add(`${id} ${other}`)
      this.cut.add(`${other} ${id}`)
    }
  }

  private cutOneWay(): void {
    const [from, to] = [1, 2].map(() => 1 + this.sim.numbers.below(this.names.length))
    this.cut.add(`${from} ${to}`)
  }

  private get handOver() {
    return Effect.suspend(() => {
      const leader = this.cluster.readyLeader()
      if (leader === undefined) return Effect.void
      const to = this.pick(this.cluster.applier(leader).members.configuration.voters)!
      return Effect.map(Effect.exit(this.cluster.engine(leader).transferLeadership(to)), (exit) => {
        if (Exit.isSuccess(exit)) this.counts.transfers += 1
      })
    })
  }

  /** Everything works again. */
  private get recover() {
    return Effect.gen({ self: this }, function* () {
      this.cut.clear()
      this.weather = { loss: 0, repeat: 0, delayMillis: 1 }
      for (const name of this.names) this.cluster.disk(name).logWriteMillis = 0
      for (const name of this.startedNames) {
        if (!this.cluster.openNames.includes(name)) yield* this.cluster.start(name)
      }
      yield* this.until(() => this.cluster.readyLeader() !== undefined)
    })
  }

  /** All members have applied the same; then nothing acknowledged is missing, and all disks agree. */
  private get settle() {
    return Effect.gen({ self: this }, function* () {
      const membersNow = () => {
        const leader = this.cluster.readyLeader()
        if (leader === undefined) return undefined
        const { byId } = this.cluster.applier(leader).members
        return this.cluster.openNames.filter((name) => byId.has(this.cluster.memberId(name)))
      }
      const applied = (name: string) => this.cluster.applier(name).position.index
      yield* this.until(() => {
        const names = membersNow()
        if (names === undefined) return false
        const leader = this.cluster.engine(this.cluster.readyLeader()!).status()
        return names.every((name) => applied(name) === leader.lastIndex)
      })
      const names = membersNow()!
      for (const name of names) {
        for (const key of this.history.keys) yield* this.patientRead(name, key)
      }
      const { sidecar } = this.cluster.applier(names[0]!)
      if (sidecar.raftEnvelopeCutoverIndex !== 0) this.cutOverAt(sidecar.raftEnvelopeCutoverIndex)
      const disks = names.map((name) => this.cluster.disk(name))
      checkEqualStates(disks)
      for (const name of names) {
        const { snapshotPointer } = Context.get(this.cluster.services(name), RaftLogStore)
        this.counts.snapshots += snapshotPointer().generation
      }
      checkEqualLogs(
        this.cluster.openNames.map((name) => ({
          disk: this.cluster.disk(name),
          commit: this.cluster.engine(name).status().commit
        }))
      )
      for (const disk of disks) {
        const cutoverIndex = this.cutoverIndex === 0 ? undefined : this.cutoverIndex
        checkSealedLog(disk, { cutoverIndex, plainText: "value " })
      }
    })
  }

  private patientRead(name: string, key: string) {
    return Effect.gen({ self: this }, function* () {
      for (let at = 0; ; at++) {
        const exit = yield* Effect.exit(this.read(name, key))
        if (Exit.isSuccess(exit)) return
        yield* rethrown(exit)
        if (at > 200) throw new HistoryViolated(`no read at ${name}: ${tagOf(exit.cause)}`)
        yield* Effect.sleep(10)
      }
    })
  }
}

/** Throws if anything is violated; the seed is in the message. */
export function run(plan: Plan): Outcome {
  const world = new ClusterRun(plan)
  const exit = world.sim.run(Effect.scoped(world.program))
  if (Exit.isFailure(exit)) {
    throw new Error(`seed ${plan.seed}: ${Cause.pretty(exit.cause)}`)
  }
  const disks = world.names.map((name) => world.cluster.disk(name))
  return {
    steps: world.sim.steps,
    traceHash: world.sim.traceHash,
    counts: world.history.counts,
    leaders: world.leaderOfTerm.size,
    ...world.counts,
    cutoverIndex: world.cutoverIndex,
    sealedEntries: world.cutoverIndex === 0 ? 0 : checkNoncesOfLogs(disks, world.cutoverIndex)
  }
}
