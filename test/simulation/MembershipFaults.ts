/** Members that come, go and are replaced while everything else goes on. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { MemberId, NodeName } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Introduction } from "../../src/domain/peer/Introduction.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import { version } from "../../src/domain/Version.ts"
import { ClusterAdmin } from "../../src/services/ClusterAdmin.ts"
import { Introductions } from "../../src/services/Introductions.ts"
import { tagOf } from "./ClusterCalls.ts"
import type { Struck } from "./Findings.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { World } from "./World.ts"

export class MembershipFaults {
  private readonly world: World
  private joined = 0

  constructor(world: World) {
    this.world = world
  }

  /** In the background: it takes as long as the rest allows. */
  joins(wrongKekMillis: number, struck: Struck): Effect.Effect<void> {
    const joining = Effect.gen({ self: this }, function* () {
      const name = yield* this.admits(wrongKekMillis)
      if (name === undefined) return
      struck()
      yield* Effect.sleep(this.world.sim.numbers.below(300))
      yield* this.promotes(name)
    })
    return Effect.asVoid(Effect.forkDetach(joining))
  }

  private promotes(name: NodeName): Effect.Effect<void> {
    return this.asks({
      call: Effect.flatMap(ClusterAdmin, (admin) => admin.promote(name)),
      isDone: ({ byId, configuration: { voters } }) =>
        [...byId.values()].some(({ id, nodeName }) => nodeName === name && voters.includes(id))
    })
  }

  /** One that was not there yet becomes a learner; `undefined` if there is none, or no time left. */
  private admits(wrongKekMillis: number): Effect.Effect<NodeName | undefined> {
    return Effect.gen({ self: this }, function* () {
      const { world } = this
      const { names, program } = world
      const name = names[program.founders + this.joined] as NodeName | undefined
      if (name === undefined) return undefined
      this.joined += 1
      yield* this.begins(name, wrongKekMillis)
      const introduction = yield* this.introductionOf(name)
      const { address } = introduction
      yield* this.asks({
        call: Effect.gen(function* () {
          const introductions = yield* Introductions
          // As it tells whomever it asks, again and again.
          introductions.answer(introduction)
          const admin = yield* ClusterAdmin
          return yield* admin.add({ nodeName: name, address, learner: true })
        }),
        isDone: (members) => Members.memberOf(members, name) !== undefined
      })
      while (world.node(name).phase !== "up" && !world.isOver) yield* Effect.sleep(10)
      return world.isOver ? undefined : name
    })
  }

  /** It waits to be let in, for some time perhaps without being able to take part. */
  private begins(name: string, wrongKekMillis: number): Effect.Effect<void> {
    const { world } = this
    if (wrongKekMillis > 0) world.node(name).kek = "wrong"
    world.start(name)
    return wrongKekMillis === 0 ? Effect.void : world.givesRightKek(name, wrongKekMillis)
  }

  private introductionOf(name: string): Effect.Effect<Introduction> {
    const { cluster, names } = this.world
    return Effect.gen(function* () {
      let identity = cluster.introductionOf(name)
      for (; identity === undefined; identity = cluster.introductionOf(name)) {
        yield* Effect.sleep(10)
      }
      const address = { host: "127.0.0.1", port: 7_001 + names.indexOf(name) }
      return { ...identity, address, listDigest: undefined, hasKek: true, softwareVersion: version }
    })
  }

  /** If it is one of three voters, another one is promoted first. */
  leaves(node: SimulatedNode | undefined, struck: Struck): Effect.Effect<void> {
    if (node === undefined || this.world.program.spares === 0) return Effect.void
    const leaving = Effect.gen({ self: this }, function* () {
      if (this.world.watch.voters.length <= 3) {
        const name = yield* this.admits(0)
        if (name !== undefined) yield* this.promotes(name)
      }
      yield* this.removes(node.name, struck)
    })
    return Effect.asVoid(Effect.forkDetach(leaving))
  }

  /** Learners, who are admitted first if need be, take the places of `count` voters from `node` on. */
  replaces(node: SimulatedNode | undefined, count: number, struck: Struck): Effect.Effect<void> {
    if (node === undefined || this.world.program.spares < count) return Effect.void
    const replacing = Effect.gen({ self: this }, function* () {
      while (this.joined < count) yield* this.admits(0)
      let exchange: ReadonlyArray<Step> | undefined
      yield* this.changes((members) => {
        const { byId, configuration } = members
        exchange ??= exchangeOf(members, node.name, count)
        const isKnown = exchange.every(({ member }) => byId.has(member))
        const isMade = exchange.every(
          ({ action, member }) => configuration.voters.includes(member) === (action === "addVoter")
        )
        if (isMade && exchange.length > 0) struck()
        return isMade || !isKnown ? undefined : exchange
      })
    })
    return Effect.asVoid(Effect.forkDetach(replacing))
  }

  /** Asks the administration of whoever leads, until it is done. */
  private asks({ call, isDone }: Wish): Effect.Effect<void> {
    return this.untilDone((members) => (isDone(members) ? undefined : call))
  }

  /** Until it is so by the word of whoever leads, or there is no time left. */
  private removes(name: string, struck: Struck): Effect.Effect<void> {
    return this.changes(({ byId, configuration: { voters } }) => {
      const known = [...byId.values()].find(({ nodeName }) => nodeName === name)
      // A cluster that is left with less than three voters is another test.
      const isNeeded = known !== undefined && voters.includes(known.id) && voters.length <= 3
      return known === undefined || isNeeded ? undefined : [{ action: "remove", member: known.id }]
    }, struck)
  }

  /** Proposes at whoever leads, past its administration, what is wanted, until nothing is. */
  private changes(
    wanted: (members: Members.Members) => ReadonlyArray<Step> | undefined,
    done?: Struck
  ): Effect.Effect<void> {
    return this.untilDone((members, leader) => {
      const steps = wanted(members)
      if (steps === undefined) return undefined
      const change = Members.changeOf({ transition: "auto", steps }, [])
      return this.world.cluster.engine(leader).changeMembership(change)
    }, done)
  }

  /**
   * Calls whoever leads, again and again, until there is no call to make or no time left; tells of the
   * calls that were answered.
   */
  private untilDone(
    next: (members: Members.Members, leader: string) => Call | undefined,
    done?: Struck
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { cluster, findings } = this.world
      while (!this.world.isOver) {
        const leader = cluster.readyLeader()
        if (leader !== undefined) {
          const call = next(cluster.applier(leader).members, leader)
          if (call === undefined) return
          const answer = yield* this.world.call(leader, call, 1_000)
          if (answer !== "lost" && Exit.isFailure(answer)) findings.reach(tagOf(answer.cause))
          if (answer !== "lost" && Exit.isSuccess(answer)) done?.()
        }
        yield* Effect.sleep(20)
      }
    })
  }
}

type Call = Effect.Effect<unknown, unknown, ClusterAdmin | Introductions>

/** What is asked of the administration of a leader. */
interface Wish {
  readonly call: Call
  readonly isDone: (members: Members.Members) => boolean
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
