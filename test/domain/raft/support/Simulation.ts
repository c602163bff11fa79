/**
 * A cluster run by one seed: a random schedule over members, disks and a network that drops, delays,
 * repeats, reorders and partitions, with every invariant checked after every step.
 */
import type { LogIndex, MemberId, Term } from "../../../../src/domain/Ids.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Message } from "../../../../src/domain/raft/Message.ts"
import * as Position from "../../../../src/domain/raft/Position.ts"
import type { Raft } from "../../../../src/domain/raft/Raft.ts"
import type { Snapshot } from "../../../../src/domain/raft/Snapshot.ts"
import type { Status } from "../../../../src/domain/raft/Status.ts"
import * as Random from "./Random.ts"
import { SafetyChecks, SafetyViolated } from "./SafetyChecks.ts"
import { type Settings, SimulatedMember } from "./SimulatedMember.ts"

export interface Plan {
  readonly seed: number
  readonly voters: number
  /** Nodes that are there but no members yet; with any, the membership changes. */
  readonly spares: number
  readonly steps: number
  readonly bugs?: Partial<Pick<Settings, "plantedBug" | "driverBug">>
}

/** What a run did, to see that it did something. */
export interface Outcome {
  readonly committed: number
  readonly terms: number
  readonly elections: number
  readonly snapshots: number
  readonly reads: number
  readonly membershipChanges: number
  /** Equal for equal seeds. */
  readonly trace: string
}

/** Runs the plan and then heals everything; throws if an invariant broke or progress stopped. */
export function run(plan: Plan): Outcome {
  const simulation = new Simulation(plan)
  for (let step = 0; step < plan.steps; step++) simulation.step()
  simulation.recover()
  return simulation.outcome()
}

const electionTicks = 6

/** How often what happens, in calm and in stormy weather. */
const calm = {
  deliver: 500,
  work: 260,
  workAll: 40,
  tick: 150,
  timeout: 1,
  propose: 70,
  lose: 30,
  repeat: 25,
  crash: 8,
  restart: 20,
  partition: 3,
  heal: 6,
  read: 12,
  transfer: 3,
  unreachable: 3,
  compact: 4,
  reshape: 8
}

type EventName = keyof typeof calm

const stormy: Record<EventName, number> = {
  ...calm,
  work: 120,
  workAll: 120,
  timeout: 20,
  lose: 60,
  crash: 15,
  restart: 30,
  partition: 15,
  heal: 8
}

class Simulation {
  private readonly weights: Record<EventName, number>
  private readonly random: Random.Random
  private readonly checks = new SafetyChecks()
  private readonly members: ReadonlyMap<MemberId, SimulatedMember>
  private readonly disks: ReadonlyMap<MemberId, SimulatedMember["disk"]>
  private readonly ids: ReadonlyArray<MemberId>
  private network: Array<Message> = []
  /** Members of one side of a partition hear only each other. */
  private side: ReadonlySet<MemberId> = new Set()
  private readonly readFloors = new Map<bigint, { id: MemberId; floor: LogIndex }>()
  private proposals = 0
  private readonly isSound: boolean
  private readonly counts = { snapshots: 0, reads: 0, membershipChanges: 0, delivered: 0 }
  private readonly leaders = new Set<string>()

  constructor(plan: Plan) {
    this.random = Random.make(plan.seed)
    const count = plan.voters + plan.spares
    this.ids = Array.from({ length: count }, (_, at) => (at + 1) as MemberId)
    const weather = this.random.pick([calm, stormy])
    this.weights = plan.spares > 0 ? weather : { ...weather, reshape: 0 }
    const founded: Snapshot = {
      index: 1 as LogIndex,
      term: 1 as Term,
      membership: Membership.make(this.ids.slice(0, plan.voters))
    }
    const spare: Snapshot = {
      index: Position.noIndex,
      term: Position.noTerm,
      membership: Membership.empty
    }
    this.isSound = plan.bugs === undefined
    const settings = this.settings(plan)
    const surroundings = {
      random: this.random,
      checks: this.checks,
      send: (message: Message) => this.sent(message),
      observe: (member: SimulatedMember) => this.check(member),
      read: (requestId: bigint, index: LogIndex) => this.answered(requestId, index)
    }
    this.members = new Map(
      this.ids.map((id, at) => {
        const snapshot = at < plan.voters ? founded : spare
        return [id, new SimulatedMember({ id, snapshot }, settings, surroundings)]
      })
    )
    this.disks = new Map([...this.members].map(([id, { disk }]) => [id, disk]))
  }

  private settings({ bugs }: Plan): Settings {
    const { random } = this
    return {
      electionTicks,
      heartbeatTicks: random.pick([1, 2]),
      preVote: random.chance(0.5),
      checkQuorum: random.chance(0.5),
      messageBytesMax: random.pick([0, 60, 1000]),
      inflightMessagesMax: random.pick([1, 3, 50]),
      committedBytesPerReadyMax: random.pick([0, 100, 10_000]),
      plantedBug: bugs?.plantedBug,
      driverBug: bugs?.driverBug
    }
  }

  /** One random event. */
  step(): void {
    const { random } = this
    const member = this.members.get(random.pick(this.ids))!
    const events: Record<EventName, () => void> = {
      deliver: () => this.deliver(),
      work: () => member.work(),
      workAll: () => member.workAll(),
      tick: () => member.raft?.tick(),
      timeout: () => this.timeout(member),
      propose: () => this.propose(member),
      lose: () => this.lose(),
      repeat: () => this.repeat(),
      crash: () => member.crash(),
      restart: () => this.restartOne(),
      partition: () => this.partition(),
      heal: () => this.heal(),
      read: () => this.read(member),
      transfer: () => member.raft?.transferLeadership(random.pick(this.ids)),
      unreachable: () => member.raft?.reportUnreachable(random.pick(this.ids)),
      compact: () => member.compact(),
      reshape: () => this.reshape()
    }
    events[this.pickEvent()]()
    this.check(member)
  }

  private pickEvent(): EventName {
    const names = Object.keys(this.weights) as Array<EventName>
    let dice = this.random.fraction() * names.reduce((sum, name) => sum + this.weights[name], 0)
    for (const name of names) {
      dice -= this.weights[name]
      if (dice < 0) return name
    }
    return "tick"
  }

  private timeout({ raft }: SimulatedMember): void {
    for (let ticks = 0; ticks < 2 * electionTicks; ticks++) raft?.tick()
  }

  private heal(): void {
    this.side = new Set()
  }

  /**
   * Everything works again: the cluster must elect a leader that commits, and every member of its
   * configuration must arrive at the same state.
   */
  recover(): void {
    this.heal()
    const committedBefore = this.checks.committedMax
    for (let round = 0; round < 3000; round++) {
      for (const member of this.members.values()) {
        if (member.raft === undefined) member.restart()
        member.raft?.tick()
        member.workAll()
        this.check(member)
      }
      const messages = this.network
      this.network = []
      for (const message of messages) this.receive(message)
      if (this.hasConverged(committedBefore)) return
      if (round % 40 === 20) for (const member of this.members.values()) this.finish(member)
    }
    throw new SafetyViolated("the cluster makes no progress although nothing is in its way")
  }

  outcome(): Outcome {
    const statuses = [...this.members.values()].map(({ digest, raft }) => ({
      digest,
      ...raft?.status()
    }))
    return {
      committed: this.checks.committedMax,
      terms: Math.max(...statuses.map(({ term }) => term ?? 0)),
      elections: this.leaders.size,
      ...this.counts,
      trace: JSON.stringify([this.counts, statuses])
    }
  }

  private check(member: SimulatedMember): void {
    const { disk, id, raft } = member
    if (raft === undefined) return
    this.checks.member({ id, raft, disk }, this.disks)
    const { role, term } = raft.status()
    if (role === "Leader") this.leaders.add(`${id} ${term}`)
  }

  private sent(message: Message): void {
    this.checks.sent(message)
    if (message._tag === "InstallSnapshot") this.counts.snapshots++
    this.network.push(message)
  }

  private deliver(): void {
    if (this.network.length === 0) return
    // Mostly in order, sometimes not.
    const at = this.random.chance(0.7) ? 0 : this.random.between(0, this.network.length)
    const [message] = this.network.splice(at, 1)
    if (this.isCut(message!)) this.lost(message!)
    else this.receive(message!)
  }

  private receive(message: Message): void {
    this.counts.delivered++
    const receiver = this.members.get(message.to)!
    const problem = this.isSound ? receiver.raft?.problemOf(message) : undefined
    if (problem !== undefined) throw new SafetyViolated(`${message._tag} is refused: ${problem}`)
    receiver.raft?.step(message)
    this.check(receiver)
    if (message._tag !== "InstallSnapshot") return
    const outcome = receiver.raft === undefined ? "failed" : "delivered"
    this.members.get(message.from)?.raft?.reportSnapshot(message.to, outcome)
  }

  private isCut(message: Message): boolean {
    return this.side.size > 0 && this.side.has(message.from) !== this.side.has(message.to)
  }

  private lose(): void {
    if (this.network.length === 0) return
    const [message] = this.network.splice(this.random.between(0, this.network.length), 1)
    this.lost(message!)
  }

  /** The sender of a snapshot always hears what became of it. */
  private lost(message: Message): void {
    if (message._tag !== "InstallSnapshot") return
    this.members.get(message.from)?.raft?.reportSnapshot(message.to, "failed")
  }

  private repeat(): void {
    if (this.network.length > 0) this.network.push(this.random.pick(this.network))
  }

  private partition(): void {
    this.side = new Set(this.ids.filter(() => this.random.chance(0.5)))
  }

  private restartOne(): void {
    const down = [...this.members.values()].filter(({ raft }) => raft === undefined)
    if (down.length > 0) this.random.pick(down).restart()
  }

  private propose({ raft }: SimulatedMember): void {
    const count = this.random.between(1, 4)
    const drafts = Array.from({ length: count }, () => {
      const data = new Uint8Array(this.random.between(4, 40))
      new DataView(data.buffer).setUint32(0, ++this.proposals)
      return { kind: "normal", data: this.random.chance(0.5) ? data : () => data } as const
    })
    raft?.propose(drafts)
  }

  private read({ id, raft }: SimulatedMember): void {
    const requestId = BigInt(this.readFloors.size)
    this.readFloors.set(requestId, { id, floor: this.checks.committedMax })
    raft?.readIndex(requestId)
  }

  private answered(requestId: bigint, index: LogIndex): void {
    const { floor, id } = this.readFloors.get(requestId)!
    this.checks.read(id, index, floor)
    this.counts.reads++
  }

  /** Every leader tries some change of the membership. */
  private reshape(): void {
    for (const { raft } of this.members.values()) {
      if (raft?.status().role === "Leader") this.changeMembership(raft)
    }
  }

  private changeMembership(raft: Raft): void {
    const { random } = this
    const { membership } = raft.status()
    const isLeaving = Membership.isJoint(membership) && random.chance(0.7)
    const steps = Array.from({ length: random.between(1, 4) }, () => ({
      action: random.pick(["addVoter", "addVoter", "addLearner", "remove"] as const),
      member: random.pick(this.ids)
    }))
    const transition = random.pick(["auto", "auto", "implicit", "explicit"] as const)
    const context = new Uint8Array(0)
    const change = isLeaving ? MembershipChange.leaving : { transition, steps, context }
    const changed = MembershipChange.apply(membership, change)
    if (changed._tag === "Changed" && !isProvident(raft.status(), changed.membership)) return
    const data = MembershipChange.encode(change)
    const proposed = raft.propose([{ kind: "membership", data }])
    if (proposed._tag === "Appended") this.counts.membershipChanges++
  }

  /** In the end: leaves a joint configuration that waits for it, and proposes once more. */
  private finish(member: SimulatedMember): void {
    const { raft } = member
    if (raft === undefined || raft.status().role !== "Leader") return
    if (Membership.isJoint(raft.status().membership)) {
      const data = MembershipChange.encode(MembershipChange.leaving)
      raft.propose([{ kind: "membership", data }])
    }
    this.propose(member)
  }

  /** Do the leader of the latest term and everybody it replicates to hold and agree on all? */
  private hasConverged(committedBefore: LogIndex): boolean {
    const leader = [...this.members.values()]
      .map(({ raft }) => raft!.status())
      .filter(({ role }) => role === "Leader")
      .sort((a, b) => b.term - a.term)[0]
    if (leader === undefined || leader.applied < leader.lastIndex) return false
    if (leader.applied <= committedBefore || Membership.isJoint(leader.membership)) return false
    return Membership.allMembers(leader.membership).every(
      (id) => this.members.get(id)!.applied === leader.applied
    )
  }
}

/**
 * A configuration counts when it is applied, so a member that was removed may still be needed by the
 * others, who do not know yet, and may refuse them. A careful operator lets a leader hand over before
 * it is removed, and does not shrink a group to less than three voters; so does the schedule.
 */
function isProvident({ id, membership }: Status, next: Membership.Membership): boolean {
  const isShrinking = next.voters.length < membership.voters.length
  return next.voters.includes(id) && (next.voters.length >= 3 || !isShrinking)
}
