/** Members that come, go and are replaced while everything else goes on. */
import * as Effect from "effect/Effect"
import type { MemberId, NodeName } from "../../src/domain/Ids.ts"
import type { Member } from "../../src/domain/members/Member.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import type { Fault } from "./Program.ts"
import type { SimulatedNode, World } from "./World.ts"

export class MembershipFaults {
  private readonly world: World
  private joined = 0

  constructor(world: World) {
    this.world = world
  }

  /** Is there a node that was not there yet? */
  get canJoin(): boolean {
    const { names, program } = this.world
    return names.length > program.founders + this.joined
  }

  /** In the background: it takes as long as the rest allows. */
  joins(): Effect.Effect<void> {
    const joining = Effect.gen({ self: this }, function* () {
      const name = yield* this.admits
      if (name === undefined) return
      yield* Effect.sleep(this.world.sim.numbers.below(300))
      yield* this.change(name, "addVoter")
    })
    return Effect.asVoid(Effect.forkDetach(joining))
  }

  private reach(kind: Fault["kind"]): void {
    this.world.findings.reach(kind)
  }

  /** One that was not there yet becomes a learner. */
  private get admits(): Effect.Effect<string | undefined> {
    return Effect.gen({ self: this }, function* () {
      const { cluster, names, program } = this.world
      const name = names[program.founders + this.joined]
      if (name === undefined) return undefined
      this.joined += 1
      this.world.start(name)
      while (cluster.introductionOf(name) === undefined) yield* Effect.sleep(10)
      yield* this.change(name, "addLearner")
      while (this.world.node(name).phase !== "up") yield* Effect.sleep(10)
      this.reach("memberJoins")
      return name
    })
  }

  leaves(node: SimulatedNode | undefined): Effect.Effect<void> {
    if (node === undefined || this.world.program.spares === 0) return Effect.void
    const leaving = Effect.map(this.change(node.name, "remove"), () => this.reach("memberLeaves"))
    return Effect.asVoid(Effect.forkDetach(leaving))
  }

  /** Learners, who are admitted first if need be, take the places of `count` voters from `node` on. */
  replaces(node: SimulatedNode | undefined, count: number): Effect.Effect<void> {
    if (node === undefined || this.world.program.spares < count) return Effect.void
    const replacing = Effect.gen({ self: this }, function* () {
      while (this.joined < count) yield* this.admits
      let exchange: ReadonlyArray<Step> | undefined
      yield* this.changes((members) => {
        const { byId, configuration } = members
        exchange ??= exchangeOf(members, node.name, count)
        const isKnown = exchange.every(({ member }) => byId.has(member))
        const isMade = exchange.every(
          ({ action, member }) => configuration.voters.includes(member) === (action === "addVoter")
        )
        if (isMade && exchange.length > 0) this.reach("membersReplaced")
        return isMade || !isKnown ? undefined : { steps: exchange, described: [] }
      })
    })
    return Effect.asVoid(Effect.forkDetach(replacing))
  }

  /** Until it is so by the word of whoever leads, or there is no time left. */
  private change(name: string, action: Step["action"]): Effect.Effect<void> {
    return this.changes((members) => {
      const known = Members.memberOf(members, name as NodeName)
      const { voters } = members.configuration
      const isVoter = known !== undefined && voters.includes(known.id)
      const isIn = action === "addVoter" ? isVoter : known !== undefined
      if (isIn !== (action === "remove")) return undefined
      // A cluster that is left with less than three voters is another test.
      if (action === "remove" && voters.length <= 3) return undefined
      const id = known?.id ?? members.nextMemberId
      const described = known === undefined ? [this.world.cluster.described(name, id)] : []
      return { steps: [{ action, member: id }], described }
    })
  }

  /** Asks whoever leads for what is wanted, again and again until nothing is. */
  private changes(wanted: (members: Members.Members) => Wanted | undefined): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { cluster } = this.world
      while (!this.world.isOver) {
        const leader = cluster.readyLeader()
        if (leader !== undefined) {
          const next = wanted(cluster.applier(leader).members)
          if (next === undefined) return
          const change = Members.changeOf({ transition: "auto", steps: next.steps }, next.described)
          yield* this.world.call(leader, cluster.engine(leader).changeMembership(change), 1_000)
        }
        yield* Effect.sleep(20)
      }
    })
  }
}

interface Wanted {
  readonly steps: ReadonlyArray<Step>
  readonly described: ReadonlyArray<Member>
}

/** Learners for as many voters, from the named one on. */
function exchangeOf(
  { byId, configuration: { voters } }: Members.Members,
  name: string,
  count: number
): ReadonlyArray<Step> {
  const incoming = [...byId.keys()].filter((id) => !voters.includes(id)).slice(0, count)
  const isNamed = (id: MemberId) => byId.get(id)?.nodeName === name
  const outgoing = voters.toSorted((a, b) => Number(isNamed(b)) - Number(isNamed(a)))
  return [
    ...incoming.map((member) => ({ action: "addVoter" as const, member })),
    ...outgoing.slice(0, incoming.length).map((member) => ({ action: "remove" as const, member }))
  ]
}
