/** Nodes that replicate to each other, in one process, on the test clock: what each of them may do. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { LogIndex, MemberId, NodeName, Term } from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { Step } from "../../src/domain/raft/MembershipChange.ts"
import { Telemetry } from "../../src/services/Telemetry.ts"
import { settled, start } from "../support/Fibers.ts"
import { MemoryCluster } from "../support/MemoryCluster.ts"
import { get, put } from "../support/NodeCalls.ts"

const founders = ["n1", "n2", "n3"]

/** Passes time until it holds. */
const until = (holds: () => boolean) =>
  Effect.gen(function* () {
    for (let at = 0; !holds(); at++) {
      if (at > 400) throw new Error("it never comes to hold")
      yield* TestClock.adjust(50)
      yield* settled
    }
  })

/** Lets time pass while it runs. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fibre = yield* start(effect)
    yield* until(() => fibre.pollUnsafe() !== undefined)
    return yield* Fiber.join(fibre)
  })

/** A cluster that has elected a leader, and the names of leader and followers. */
const elected = Effect.gen(function* () {
  const cluster = new MemoryCluster({ founders })
  yield* Effect.addFinalizer(() => Effect.forEach(cluster.openNames, (name) => cluster.stop(name)))
  yield* inTime(cluster.startAll())
  yield* until(() => cluster.readyLeader() !== undefined)
  const leader = cluster.readyLeader()!
  const [one, other] = founders.filter((name) => name !== leader)
  return { cluster, leader, one: one!, other: other! }
})

/** One step of a change, by whoever leads; a node that is no member is described. */
const change = (cluster: MemoryCluster, name: string, action: Step["action"]) =>
  Effect.suspend(() => {
    const leader = cluster.readyLeader()!
    const { members } = cluster.applier(leader)
    const id = Members.memberOf(members, name as NodeName)?.id ?? members.nextMemberId
    const described = id === members.nextMemberId ? [cluster.described(name, id)] : []
    const steps = [{ action, member: id }]
    return cluster
      .engine(leader)
      .changeMembership(Members.changeOf({ transition: "auto", steps }, described))
  })

/** From and to this node nothing comes through. */
const isolate = (cluster: MemoryCluster, name: string) => {
  const id = cluster.memberId(name)
  cluster.network.fate = ({ from, to }) => (from === id || to === id ? [] : [0])
}

describe("three nodes (SPEC §9, §15)", () => {
  it.effect("elect a leader, and every follower applies what it is given", () =>
    Effect.gen(function* () {
      const { cluster, leader, one, other } = yield* elected
      yield* inTime(cluster.on(leader, put("a", "1")))
      for (const name of [one, other]) {
        yield* until(
          () => cluster.applier(name).position.index === cluster.applier(leader).position.index
        )
        expect(yield* cluster.on(name, get("a", { stale: true }))).toBe("1")
        expect(cluster.engine(name).intake()).toMatchObject({
          _tag: "Shut",
          reason: { _tag: "NotLeader", leader: cluster.memberId(leader) }
        })
      }
    })
  )

  it.effect("go on without the one that led, and lose nothing it has acknowledged", () =>
    Effect.gen(function* () {
      const { cluster, leader } = yield* elected
      yield* inTime(cluster.on(leader, put("a", "1")))
      yield* cluster.crash([leader], () => 0)
      yield* until(() => cluster.readyLeader() !== undefined)
      const next = cluster.readyLeader()!
      expect(next).not.toBe(leader)
      expect(yield* inTime(cluster.on(next, get("a")))).toBe("1")
      yield* inTime(cluster.on(next, put("a", "2")))
      yield* inTime(cluster.start(leader))
      const applied = (name: string) => cluster.applier(name).position.index
      yield* until(() => applied(leader) === applied(next))
      expect(yield* cluster.on(leader, get("a", { stale: true }))).toBe("2")
    })
  )
})

describe("a read at a follower (SPEC §9)", () => {
  it.effect("sees what was acknowledged elsewhere before it was asked", () =>
    Effect.gen(function* () {
      const { cluster, leader, one } = yield* elected
      for (let at = 0; at < 5; at++) {
        yield* inTime(cluster.on(leader, put("a", `${at}`)))
        expect(yield* inTime(cluster.on(one, get("a")))).toBe(`${at}`)
      }
    })
  )

  it.effect("is refused for now at one that is cut off, whoever it followed or led", () =>
    Effect.gen(function* () {
      const { cluster, leader, one } = yield* elected
      yield* inTime(cluster.on(leader, put("a", "old")))
      for (const name of [one, leader]) {
        isolate(cluster, name)
        const reading = yield* start(Effect.flip(cluster.engine(name).readIndex))
        yield* until(() => reading.pollUnsafe() !== undefined)
        expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "NotLeader", leader: undefined })
        cluster.network.fate = () => [0]
        yield* until(() => cluster.readyLeader() !== undefined)
      }
    })
  )

  it.effect("at a leader that was replaced without knowing is not answered with an old value", () =>
    Effect.gen(function* () {
      const { cluster, leader, one } = yield* elected
      yield* inTime(cluster.on(leader, put("a", "old")))
      isolate(cluster, leader)
      const stale = yield* start(Effect.exit(cluster.on(leader, get("a"))))
      yield* until(() => ![leader, undefined].includes(cluster.readyLeader()))
      yield* inTime(cluster.on(cluster.readyLeader()!, put("a", "new")))
      yield* until(() => stale.pollUnsafe() !== undefined)
      expect(yield* Fiber.join(stale)).toMatchObject({ _tag: "Failure" })
      expect(yield* cluster.on(leader, get("a", { stale: true }))).toBe("old")
      cluster.network.fate = () => [0]
      expect(yield* inTime(Effect.retry(cluster.on(one, get("a")), { times: 5 }))).toBe("new")
    })
  )
})

describe("a change of the members (SPEC §15)", () => {
  it.effect("adds a learner, promotes it, removes another, and that one says so", () =>
    Effect.gen(function* () {
      const { cluster, one } = yield* elected
      const joining = yield* start(cluster.start("n4"))
      yield* until(() => cluster.introductionOf("n4") !== undefined)
      const added = yield* inTime(change(cluster, "n4", "addLearner"))
      expect(added.configuration).toMatchObject({ voters: [1, 2, 3], learners: [4] })
      yield* until(() => joining.pollUnsafe() !== undefined)
      expect(cluster.engine("n4").isRemoved()).toBe(false)
      const promoted = yield* inTime(change(cluster, "n4", "addVoter"))
      expect(promoted.configuration).toMatchObject({ voters: [1, 2, 3, 4], learners: [] })
      yield* inTime(change(cluster, one, "remove"))
      yield* until(() => cluster.engine(one).isRemoved())
      const { term } = cluster.engine(one).status()
      for (let at = 0; at < 20; at++) yield* TestClock.adjust("1 second")
      expect(cluster.engine(one).status()).toMatchObject({ role: "Follower", term })
      expect(founders.map((name) => cluster.engine(name).isRemoved())).toEqual(
        founders.map((name) => name === one)
      )
    })
  )

  it.effect(
    "is refused while another is under way, where nobody leads, and if it makes no sense",
    () =>
      Effect.gen(function* () {
        const { cluster, leader, one, other } = yield* elected
        const refusal = (effect: Effect.Effect<unknown, unknown>) => inTime(Effect.flip(effect))
        const pending = yield* start(change(cluster, one, "addLearner"))
        expect(yield* refusal(change(cluster, other, "addLearner"))).toMatchObject({
          _tag: "MembershipChangeRefused",
          reason: "pending"
        })
        yield* until(() => pending.pollUnsafe() !== undefined)
        const nobody = Members.changeOf(
          { transition: "auto", steps: [{ action: "addVoter", member: 9 as MemberId }] },
          []
        )
        expect(yield* refusal(cluster.engine(leader).changeMembership(nobody))).toMatchObject({
          _tag: "MembershipChangeRefused",
          reason: "memberNotDescribed"
        })
        const { term } = cluster.engine(leader).status()
        const earlier = cluster.engine(leader).changeMembership(nobody, (term - 1) as Term)
        expect(yield* refusal(earlier)).toMatchObject({ _tag: "NotLeader", leader: undefined })
        expect(yield* refusal(cluster.engine(other).changeMembership(nobody))).toMatchObject({
          _tag: "NotLeader",
          leader: cluster.memberId(leader)
        })
      })
  )

  it.effect("that a leader could not commit has an unknown outcome once it has left its term", () =>
    Effect.gen(function* () {
      const { cluster, leader, one } = yield* elected
      isolate(cluster, leader)
      const steps = [{ action: "remove" as const, member: cluster.memberId(one) }]
      const asked = cluster
        .engine(leader)
        .changeMembership(Members.changeOf({ transition: "auto", steps }, []))
      expect(yield* inTime(Effect.flip(asked))).toMatchObject({ _tag: "MembershipOutcomeUnknown" })
    })
  )
})

describe("a transfer of the leadership (SPEC §15)", () => {
  it.effect("is done when the other leads, and fails for a typed reason", () =>
    Effect.gen(function* () {
      const { cluster, leader, one, other } = yield* elected
      const to = cluster.memberId(one)
      const transfer = (name: string, member: MemberId) =>
        cluster.engine(name).transferLeadership(member)
      expect(yield* inTime(Effect.flip(transfer(leader, 9 as MemberId)))).toMatchObject({
        _tag: "TransferFailed",
        reason: "notAVoter"
      })
      expect(yield* inTime(Effect.flip(transfer(other, to)))).toMatchObject({ _tag: "NotLeader" })
      isolate(cluster, one)
      const stuck = yield* start(Effect.flip(transfer(leader, to)))
      yield* settled
      const meanwhile = yield* inTime(Effect.flip(cluster.on(leader, put("a", "1"))))
      expect(meanwhile).toMatchObject({ _tag: "NotLeader", leader: undefined })
      yield* until(() => stuck.pollUnsafe() !== undefined)
      expect(yield* Fiber.join(stuck)).toMatchObject({ reason: "timedOut" })
      cluster.network.fate = () => [0]
      yield* inTime(cluster.on(leader, put("a", "2")))
      yield* inTime(transfer(leader, to))
      yield* until(() => cluster.readyLeader() === one)
    })
  )
})

describe("what a peer sends (SPEC §9)", () => {
  it.effect("does not stop a node, though no correct member could have sent it", () =>
    Effect.gen(function* () {
      const { cluster, leader, one } = yield* elected
      const from = cluster.memberId(leader)
      const to = cluster.memberId(one)
      const { term } = cluster.engine(one).status()
      const commit = 1_000_000 as LogIndex
      cluster.network.deliver({ _tag: "Heartbeat", from, to, term, commit, readPosition: 0 })
      const previous = { term: 0 as Term, index: 0 as LogIndex }
      const entries = [2, 1].map((of, at) => ({
        term: of as Term,
        index: (at + 1) as LogIndex,
        kind: "noop" as const,
        data: Buffer.alloc(0)
      }))
      cluster.network.deliver({ _tag: "Append", from, to, term, previous, entries, commit })
      yield* settled
      const { counters } = Context.get(cluster.services(one), Telemetry)
      expect(counters.receivedMessages.implausible).toBe(2)
      yield* inTime(cluster.on(leader, put("a", "1")))
      expect(yield* inTime(cluster.on(one, get("a")))).toBe("1")
    })
  )
})
