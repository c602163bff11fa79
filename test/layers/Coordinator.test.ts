import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import {
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  TooManyProposals
} from "../../src/domain/engine/Errors.ts"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { settled, start } from "../support/Fibers.ts"
import {
  coordinatorOver,
  echoed,
  HeldEngine,
  inflightCount,
  propose,
  requestsOf
} from "../support/HeldEngine.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { entriesOf, get, put, ready } from "../support/NodeCalls.ts"

const coordinator = (engine: HeldEngine, settings?: Partial<NodeSettings>) =>
  coordinatorOver(engine, { settings })

const term = 1 as Term

describe("group commit (SPEC §9)", () => {
  it.effect("gives each caller of a batch its own answer", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const first = yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      expect(requestsOf(one)).toEqual(["a"])
      const rest = yield* Effect.all(["b", "c", "d"].map((request) => start(propose(request))))
      yield* settled
      expect(engine.held, "the next batch waits for the append of this one").toHaveLength(1)
      expect(yield* inflightCount).toBe(4)
      one.appended()
      const two = yield* engine.proposal(2)
      expect(requestsOf(two)).toEqual(["b", "c", "d"])
      two.appended()
      yield* settled
      expect(first.pollUnsafe(), "durable is not applied").toBeUndefined()
      two.applied(echoed(two))
      expect(yield* Effect.all(rest.map(Fiber.join))).toEqual(["B", "C", "D"])
      expect(first.pollUnsafe()).toBeUndefined()
      one.applied(echoed(one))
      expect(yield* Fiber.join(first)).toBe("A")
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("cuts batches by count and by bytes, in order of arrival", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(propose("first"))
      yield* engine.proposal(1)
      const requests = ["a", "b", "c", "d", "eeeeeeee", "ffffffff", "g"]
      yield* Effect.all(requests.map((request) => start(propose(request))))
      const batches: Array<ReadonlyArray<string>> = []
      for (let count = 1; batches.flat().length < 8; count++) {
        const held = yield* engine.proposal(count)
        batches.push(requestsOf(held))
        held.appended()
      }
      expect(batches).toEqual([["first"], ["a", "b", "c"], ["d", "eeeeeeee"], ["ffffffff", "g"]])
    }).pipe(Effect.provide(coordinator(engine, { batchCountMax: 3, batchBytesMax: 9 })))
  })

  it.effect("seals a batch if the flag is set when it is cut", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      yield* Effect.map(WrapFlag, (flag) => flag.set("cutoverProgram"))
      yield* start(propose("b"))
      one.appended()
      const two = yield* engine.proposal(2)
      expect([one, two].map(({ proposal }) => proposal.toBeSealed)).toEqual([false, true])
    }).pipe(Effect.provide(coordinator(engine)))
  })
})

describe("a caller that goes away (SPEC §9)", () => {
  it.effect("before its request is in a batch proposes nothing and is counted no more", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const first = yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      const [gone, other] = [yield* start(propose("gone")), yield* start(propose("b"))]
      expect(yield* inflightCount).toBe(3)
      yield* Fiber.interrupt(gone)
      expect(yield* inflightCount).toBe(2)
      one.appended()
      const two = yield* engine.proposal(2)
      expect(requestsOf(two)).toEqual(["b"])
      two.appended()
      for (const held of [one, two]) held.applied(echoed(held))
      expect(yield* Fiber.join(first)).toBe("A")
      expect(yield* Fiber.join(other)).toBe("B")
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("the only one that waited: no empty batch is proposed, and the next is served", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const gone = yield* start(propose("gone"))
      yield* Fiber.interrupt(gone)
      yield* settled
      expect(engine.held).toEqual([])
      expect(yield* inflightCount).toBe(0)
      const next = yield* start(propose("b"))
      const held = yield* engine.proposal(1)
      expect(requestsOf(held)).toEqual(["b"])
      held.appended()
      held.applied(echoed(held))
      expect(yield* Fiber.join(next)).toBe("B")
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("after its batch was cut stays counted until the entry is applied", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const gone = yield* start(propose("a"))
      const held = yield* engine.proposal(1)
      yield* Fiber.interrupt(gone)
      expect(yield* inflightCount).toBe(1)
      held.appended()
      yield* settled
      expect(yield* inflightCount).toBe(1)
      held.applied(echoed(held))
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })
})

describe("admission (SPEC §9, §13)", () => {
  it.effect("is bounded by count: one more is TooManyProposals and is not counted", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      const waiting = [yield* start(propose("b")), yield* start(propose("c"))]
      expect(yield* Effect.flip(propose("d"))).toMatchObject({
        _tag: "TooManyProposals",
        pendingCount: 2,
        pendingBytes: 2
      })
      expect(yield* inflightCount).toBe(3)
      one.appended()
      const two = yield* engine.proposal(2)
      expect(requestsOf(two)).toEqual(["b", "c"])
      two.applied(echoed(two))
      expect(yield* Effect.all(waiting.map(Fiber.join))).toEqual(["B", "C"])
      yield* start(propose("d"))
      expect(yield* inflightCount, "there is room again").toBe(2)
    }).pipe(Effect.provide(coordinator(engine, { pendingCountMax: 2 })))
  })

  it.effect("is bounded by bytes, and a lone request always fits", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(propose("longer than four"))
      yield* engine.proposal(1)
      yield* start(propose("bbb"))
      expect(yield* Effect.flip(propose("cc"))).toMatchObject({
        _tag: "TooManyProposals",
        pendingCount: 1,
        pendingBytes: 3
      })
      yield* start(propose("d"))
      expect(yield* inflightCount).toBe(3)
    }).pipe(Effect.provide(coordinator(engine, { pendingBytesMax: 4 })))
  })

  it.effect.each([
    new NotLeader({ leader: undefined }),
    new LeaderNotReady({ awaits: "noop" }),
    new NodeStopped({ reason: "it is shutting down" })
  ])("is shut while the engine's intake is: %s", (reason) => {
    const engine = new HeldEngine()
    engine.intake = { _tag: "Shut", reason }
    return Effect.gen(function* () {
      expect(yield* Effect.flip(propose("a"))).toBe(reason)
      const { administer } = yield* Coordinator
      expect(yield* Effect.flip(administer(Buffer.of(5), { term }))).toBe(reason)
      yield* settled
      expect(engine.held).toEqual([])
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("refuses users at a closed barrier and lets the administration pass", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const barrier = yield* QuiescenceBarrier
      barrier.close()
      expect(yield* Effect.flip(propose("a"))).toMatchObject({ _tag: "CutoverInFlight" })
      const { administer } = yield* Coordinator
      const administered = yield* start(administer(Buffer.of(5), { term }))
      const held = yield* engine.proposal(1)
      expect(held.proposal.body).toEqual(Buffer.of(5))
      expect(yield* inflightCount).toBe(0)
      held.appended()
      held.applied({ _tag: "Encryption", outcome: { _tag: "Stale" } })
      expect(yield* Fiber.join(administered)).toEqual({ _tag: "Stale" })
      barrier.open()
      yield* start(propose("a"))
      expect(requestsOf(yield* engine.proposal(2))).toEqual(["a"])
    }).pipe(Effect.provide(coordinator(engine)))
  })
})

describe("the in-flight count comes back to 0 (SPEC §9)", () => {
  it.effect.each([
    new NotLeader({ leader: undefined }),
    new CutoverInFlight({}),
    new TooManyProposals({ pendingCount: 1, pendingBytes: 1 }),
    new NodeStopped({ reason: "EIO" })
  ])("after the append was rejected, and every caller has the reason: %s", (rejection) => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const callers = [yield* start(Effect.flip(propose("a")))]
      const one = yield* engine.proposal(1)
      for (const request of ["b", "c"]) callers.push(yield* start(Effect.flip(propose(request))))
      one.appended(rejection)
      const two = yield* engine.proposal(2)
      two.appended(rejection)
      for (const caller of callers) expect(yield* Fiber.join(caller)).toBe(rejection)
      expect(yield* inflightCount).toBe(0)
      const next = yield* start(propose("d"))
      const three = yield* engine.proposal(3)
      three.appended()
      three.applied(echoed(three))
      expect(yield* Fiber.join(next), "the loop goes on after a rejection").toBe("D")
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("after the entry was superseded, or the engine stopped", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const superseded = yield* start(Effect.flip(propose("a")))
      const one = yield* engine.proposal(1)
      one.appended()
      const stopped = yield* start(Effect.flip(propose("b")))
      const two = yield* engine.proposal(2)
      two.appended()
      one.proposal.onEvent({ _tag: "TermLeft" })
      yield* settled
      expect(superseded.pollUnsafe(), "the entry may still be applied").toBeUndefined()
      expect(yield* inflightCount).toBe(2)
      one.proposal.onEvent({ _tag: "Superseded", index: 1 as LogIndex })
      two.proposal.onEvent({ _tag: "Stopped", reason: "EIO" })
      expect(yield* Fiber.join(superseded)).toMatchObject({ _tag: "ProposalSuperseded", index: 1 })
      expect(yield* Fiber.join(stopped)).toMatchObject({ _tag: "NodeStopped", reason: "EIO" })
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("of a newer term is not touched by what an older one settles", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(propose("a"))
      const one = yield* engine.proposal(1)
      one.appended()
      engine.intake = { _tag: "Open", term: 2 as Term }
      yield* start(propose("b"))
      const two = yield* engine.proposal(2)
      expect(two.proposal.term).toBe(2)
      one.applied(echoed(one))
      expect(yield* inflightCount).toBe(1)
      two.appended()
      two.applied(echoed(two))
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine)))
  })
})

describe("the time-out (SPEC §9)", () => {
  it.effect("ends the wait, not the write, which stays counted until it is applied", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const caller = yield* start(Effect.flip(propose("a")))
      const held = yield* engine.proposal(1)
      held.appended()
      yield* TestClock.adjust(49)
      expect(caller.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      const timedOut = { _tag: "ProposalTimedOut", timeoutMillis: 50 }
      expect(yield* Fiber.join(caller)).toMatchObject(timedOut)
      expect(yield* inflightCount).toBe(1)
      held.applied(echoed(held))
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(coordinator(engine, { proposalTimeoutMillis: 50 })))
  })

  it.effect("before the request is in a batch takes it back", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      yield* start(Effect.flip(propose("a")))
      const one = yield* engine.proposal(1)
      yield* TestClock.adjust(30)
      const second = yield* start(Effect.flip(propose("b")))
      yield* TestClock.adjust(50)
      expect(yield* Fiber.join(second)).toMatchObject({ _tag: "ProposalTimedOut" })
      expect(yield* inflightCount).toBe(1)
      one.appended()
      yield* settled
      expect(engine.held).toHaveLength(1)
    }).pipe(Effect.provide(coordinator(engine, { proposalTimeoutMillis: 50 })))
  })

  it.effect("ends the wait of the administration as well", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const { administer } = yield* Coordinator
      const caller = yield* start(Effect.flip(administer(Buffer.of(5), { term })))
      const held = yield* engine.proposal(1)
      held.appended()
      yield* TestClock.adjust(50)
      expect(yield* Fiber.join(caller)).toMatchObject({ _tag: "ProposalTimedOut" })
      held.applied({ _tag: "Encryption", outcome: { _tag: "Stale" } })
    }).pipe(Effect.provide(coordinator(engine, { proposalTimeoutMillis: 50 })))
  })

  it.effect("tells once what became of a command, also when its caller has gone", () => {
    const engine = new HeldEngine()
    return Effect.gen(function* () {
      const { administer } = yield* Coordinator
      let settledTimes = 0
      const keep = () => () => {
        settledTimes += 1
      }
      const asked = administer(Buffer.of(5), { term, keep })
      const caller = yield* start(asked)
      const held = yield* engine.proposal(1)
      yield* Fiber.interrupt(caller)
      expect(settledTimes).toBe(0)
      held.appended()
      held.proposal.onEvent({ _tag: "TermLeft" })
      held.applied({ _tag: "Encryption", outcome: { _tag: "Stale" } })
      expect(settledTimes).toBe(2)
      settledTimes = 0

      const second = yield* start(asked)
      const refused = yield* engine.proposal(2)
      yield* Fiber.interrupt(second)
      refused.appended(new NotLeader({ leader: undefined }))
      yield* settled
      expect(settledTimes).toBe(1)

      engine.intake = { _tag: "Shut", reason: new NotLeader({ leader: undefined }) }
      yield* Effect.flip(asked)
      expect(settledTimes).toBe(2)
    }).pipe(Effect.provide(coordinator(engine)))
  })

  it.effect("of a node whose disk is slow: the write is applied after all", () => {
    const disk = new MemoryDisk()
    return Effect.gen(function* () {
      yield* ready
      disk.logWriteMillis = 80
      const before = (yield* entriesOf).length
      const caller = yield* start(Effect.flip(put("a", "late")))
      yield* TestClock.adjust(50)
      expect(yield* Fiber.join(caller)).toMatchObject({ _tag: "ProposalTimedOut" })
      expect(yield* entriesOf).toHaveLength(before)
      yield* TestClock.adjust(100)
      expect(yield* get("a", { stale: true })).toBe("late")
      expect(yield* inflightCount).toBe(0)
    }).pipe(Effect.provide(memoryNode({ disk, settings: { proposalTimeoutMillis: 50 } })))
  })
})
