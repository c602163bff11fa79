/**
 * SPEC §15: changes of the cluster on its leader, over an engine and a network that the test answers
 * for; and what becomes of them at a node that does not lead.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import {
  MembershipChangeRefused,
  NotLeader,
  TransferFailed
} from "../../src/domain/engine/Errors.ts"
import type { LogIndex, MemberId, Term } from "../../src/domain/Ids.ts"
import { address, name, newcomer, rolesOf, withLeader } from "../support/FakeLeader.ts"
import { start } from "../support/Fibers.ts"

describe("a leader that changes its cluster", () => {
  it.effect("adds a learner, waits until it has the log, and gives it its vote", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const adding = yield* Effect.forkChild(admin.add(newcomer), { startImmediately: true })
        yield* TestClock.adjust(300)
        assert.deepStrictEqual(rolesOf(admin), ["n1 voter", "n2 voter", "n3 learner"])
        leader.matches[3] = 499
        leader.commit = 700 as LogIndex
        yield* TestClock.adjust(300)
        assert.isUndefined(adding.pollUnsafe(), "one entry short of what was committed then")
        leader.matches[3] = 695
        yield* TestClock.adjust(100)
        const added = yield* Fiber.join(adding)
        assert.deepStrictEqual(added, { id: 3 as MemberId, role: "voter", wasAlready: false })
        assert.deepStrictEqual(rolesOf(admin), ["n1 voter", "n2 voter", "n3 voter"])
        assert.strictEqual(leader.changes, 2)
      })
    )
  )

  it.effect("says that it is a learner now, if it does not catch up in time", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const adding = yield* Effect.forkChild(Effect.flip(admin.add(newcomer)), {
          startImmediately: true
        })
        yield* TestClock.adjust("6 seconds")
        const failure = yield* Fiber.join(adding)
        assert.strictEqual(failure._tag, "LearnerLagging")
        assert.match(failure.message, /n3 is a learner and lacks 500 entries/)
        assert.deepStrictEqual(rolesOf(admin), ["n1 voter", "n2 voter", "n3 learner"])

        leader.matches[3] = 500
        const again = yield* admin.add(newcomer)
        assert.deepStrictEqual(again, { id: 3 as MemberId, role: "voter", wasAlready: false })
      })
    )
  )

  it.effect("adds a node once that is asked for twice at a time, and both are told so", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const both = Effect.all([admin.add(newcomer), admin.add(newcomer)], { concurrency: 2 })
        const adding = yield* start(both)
        yield* TestClock.adjust(300)
        assert.deepStrictEqual(rolesOf(admin), ["n1 voter", "n2 voter", "n3 learner"])
        leader.matches[3] = 500
        yield* TestClock.adjust(100)
        const [first, second] = yield* Fiber.join(adding)
        const added = { id: 3 as MemberId, role: "voter", wasAlready: false } as const
        assert.deepStrictEqual(first, added)
        assert.deepStrictEqual(second, { ...added, wasAlready: true })
        assert.deepStrictEqual(rolesOf(admin), ["n1 voter", "n2 voter", "n3 voter"])
        assert.strictEqual(leader.changes, 2)
        const failure = yield* Effect.flip(admin.promote(name(3)))
        assert.strictEqual(failure._tag, "NotALearner", "as an operator is told who asks for that")
      })
    )
  )

  it.effect("waits no longer for a learner that somebody else has given its vote", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        yield* admin.add({ ...newcomer, learner: true })
        leader.matches[3] = 495
        const adding = yield* start(admin.add(newcomer))
        yield* TestClock.adjust(300)
        assert.isUndefined(adding.pollUnsafe(), "five entries short")
        yield* admin.promote(name(3))
        yield* TestClock.adjust(100)
        const added = yield* Fiber.join(adding)
        assert.deepStrictEqual(added, { id: 3 as MemberId, role: "voter", wasAlready: true })
        assert.strictEqual(leader.changes, 2)
      })
    )
  )

  it.effect("adds a learner that stays one, and what is so already is no error", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const asLearner = { ...newcomer, learner: true }
        const added = yield* admin.add(asLearner)
        assert.deepStrictEqual(added, { id: 3 as MemberId, role: "learner", wasAlready: false })
        const again = yield* admin.add(asLearner)
        assert.deepStrictEqual(again, { ...added, wasAlready: true })
        assert.strictEqual(leader.changes, 1)
        leader.matches[3] = 500
        yield* admin.promote(name(3))
        const voter = yield* admin.add(newcomer)
        assert.deepStrictEqual(voter, { id: 3 as MemberId, role: "voter", wasAlready: true })
        assert.strictEqual(leader.changes, 2)
      })
    )
  )

  it.effect("stops waiting when it leads no longer, or when the learner is removed", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const adding = yield* Effect.forkChild(Effect.flip(admin.add(newcomer)), {
          startImmediately: true
        })
        yield* TestClock.adjust(100)
        yield* admin.remove(name(3))
        yield* TestClock.adjust(100)
        assert.strictEqual((yield* Fiber.join(adding))._tag, "MemberUnknown")

        const again = yield* Effect.forkChild(Effect.flip(admin.add(newcomer)), {
          startImmediately: true
        })
        yield* TestClock.adjust(100)
        leader.intake = { _tag: "Shut", reason: new NotLeader({ leader: 2 }) }
        yield* TestClock.adjust(100)
        assert.strictEqual((yield* Fiber.join(again))._tag, "NotLeader")
      })
    )
  )

  it.effect("makes one change at a time", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        leader.refusal = new MembershipChangeRefused({ reason: "pending" })
        const failure = yield* Effect.flip(admin.remove(name(2)))
        assert.strictEqual(failure._tag, "MembershipChangeInProgress")
      })
    )
  )

  it.effect("lets nobody in, and promotes nobody, while encryption has the turn", () =>
    withLeader((leader, admin, turns) =>
      Effect.gen(function* () {
        const asLearner = { ...newcomer, learner: true }
        const cutover = yield* turns.take("cutover")
        const adding = yield* start(admin.add(asLearner))
        yield* TestClock.adjust(1_000)
        assert.isUndefined(adding.pollUnsafe())
        cutover.end()
        yield* Fiber.join(adding)
        leader.matches[3] = 500

        yield* turns.take("encryption")
        const promoting = yield* start(Effect.flip(admin.promote(name(3))))
        const removed = yield* admin.remove(name(2))
        assert.deepStrictEqual(removed, { id: 2 as MemberId }, "nobody is left out by a removal")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(promoting))._tag, "CutoverInFlight")
        assert.strictEqual(leader.changes, 2)
      })
    )
  )

  it.effect("keeps its turn until the change is made, also when nobody waits for it", () =>
    withLeader((leader, admin, turns) =>
      Effect.gen(function* () {
        const made = yield* Deferred.make<void>()
        leader.until = Deferred.await(made)
        const adding = yield* start(Effect.flip(admin.add({ ...newcomer, learner: true })))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(adding))._tag, "ProposalTimedOut")
        const asking = yield* start(Effect.flip(turns.take("cutover")))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(asking))._tag, "MembershipChangeInProgress")
        yield* Deferred.succeed(made, undefined)
        yield* turns.take("cutover")
      })
    )
  )

  it.effect("decides by the latest configuration, and in the term it began in", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        leader.isPending = true
        const adding = yield* start(admin.add({ ...newcomer, learner: true }))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(leader.changes, 0)
        leader.isPending = false
        leader.intake = { _tag: "Open", term: 3 as Term }
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(adding)
        assert.deepStrictEqual(leader.terms, [1 as Term])
      })
    )
  )

  it.effect("proposes nothing of what it refuses, and nothing where it does not lead", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        const tagOf = <A, E extends { readonly _tag: string }>(refused: Effect.Effect<A, E>) =>
          Effect.map(Effect.flip(refused), ({ _tag }) => _tag)
        const stranger = { ...newcomer, nodeName: name(5), address: address(7005) }
        assert.strictEqual(yield* tagOf(admin.add(stranger)), "NodeNotIntroduced")
        assert.strictEqual(yield* tagOf(admin.promote(name(2))), "NotALearner")
        assert.strictEqual(yield* tagOf(admin.remove(name(4))), "MemberUnknown")
        leader.intake = { _tag: "Shut", reason: new NotLeader({ leader: 2 }) }
        assert.strictEqual(yield* tagOf(admin.add(newcomer)), "NotLeader")
        assert.strictEqual(yield* tagOf(admin.promote(name(2))), "NotLeader")
        assert.strictEqual(yield* tagOf(admin.remove(name(2))), "NotLeader")
        assert.strictEqual(yield* tagOf(admin.transferLeadership(name(2))), "NotLeader")
        assert.deepStrictEqual([leader.changes, leader.transferred], [0, []])
      })
    )
  )

  it.effect("hands the leadership over, and to itself without doing anything", () =>
    withLeader((leader, admin) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* admin.transferLeadership(name(1)), { id: 1 as MemberId })
        assert.deepStrictEqual(yield* admin.transferLeadership(name(2)), { id: 2 as MemberId })
        assert.deepStrictEqual(leader.transferred, [2])
        leader.transferRefusal = new TransferFailed({ to: 2, reason: "timedOut" })
        const failure = yield* Effect.flip(admin.transferLeadership(name(2)))
        assert.strictEqual(failure._tag, "LeadershipTransferFailed")
        assert.match(failure.message, /not handed to n2: it did not take over in time/)
      })
    )
  )

  it.effect("lists its members with what it knows of each", () =>
    withLeader((leader, admin) =>
      Effect.sync(() => {
        leader.matches[2] = 450
        const [first, second] = admin.members()
        assert.deepInclude(first, { id: 1 as MemberId, isLeader: true, isConnected: true, lag: 0 })
        assert.deepInclude(second, {
          nodeName: name(2),
          address: "127.0.0.1:7002",
          endpoint: "127.0.0.1:8002",
          isLeader: false,
          match: 450 as LogIndex,
          lag: 50
        })
      })
    )
  )
})
