/** SPEC §7: a client that repeats its writes, against a node that loses answers, sessions and itself. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import { ConnectionLost } from "../../src/domain/api/Errors.ts"
import { LeaderNotReady, SpaceLow } from "../../src/domain/engine/Errors.ts"
import type { Revision } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import type { SessionId, SessionSequence } from "../../src/domain/log/Request.ts"
import { SequenceForgotten, SessionUnknown } from "../../src/domain/session/Errors.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const lost = new ConnectionLost({ endpoint: "n", cause: "it was cut" })
const notReady = new LeaderNotReady({ awaits: "noop" })

type Session = Effect.Success<ReturnType<typeof RpcSession.make>>

/** What becomes of one attempt: refused before it is applied, or applied and its answer lost. */
type Fate = "answered" | "refused" | "lostBefore" | "lostAfter" | "full"

/**
 * A node that applies a write of a session once, remembers as many results as a real one, and does to
 * attempts what the script says.
 */
class FakeNode {
  readonly fates: Array<Fate> = []
  readonly openFates: Array<Fate> = []
  readonly applied: Array<string> = []
  readonly sessions = new Map<SessionId, Map<number, Revision>>()
  readonly floors = new Map<SessionId, number>()
  /** How many results of a session. */
  remembers = Limits.sessionResultsMax
  /** Every session expires as soon as it is opened. */
  forgetsAll = false
  opens = 0
  inFlight = 0
  inFlightMost = 0
  private readonly holds: Effect.Effect<void>

  constructor(holds: Effect.Effect<void> = Effect.void) {
    this.holds = holds
  }

  readonly client: RpcSession.Writing = {
    openSession: (sessionId) =>
      this.meet(this.openFates.shift(), () => {
        this.opens += 1
        if (this.opens > 50) throw new Error("sessions are opened without end")
        if (this.forgetsAll) return
        if (!this.sessions.has(sessionId)) this.sessions.set(sessionId, new Map())
      }),
    put: (key, _value, write) =>
      Effect.suspend(() => {
        this.inFlight += 1
        this.inFlightMost = Math.max(this.inFlightMost, this.inFlight)
        return Effect.andThen(
          this.holds,
          this.meet(this.fates.shift(), () => this.apply(String(key), write?.session))
        )
      }).pipe(
        Effect.flatten,
        Effect.ensuring(
          Effect.sync(() => {
            this.inFlight -= 1
          })
        )
      ),
    delete: () => Effect.die("not asked for"),
    txn: () => Effect.die("not asked for")
  }

  private apply(
    key: string,
    session: SessionSequence | undefined
  ): Effect.Effect<{ revision: Revision }, SessionUnknown | SequenceForgotten> {
    const results = session === undefined ? undefined : this.sessions.get(session.sessionId)
    if (session === undefined || results === undefined) {
      return Effect.fail(new SessionUnknown({ sessionId: session?.sessionId ?? "" }))
    }
    const floor = this.floors.get(session.sessionId) ?? 0
    if (session.sequence <= floor) return Effect.fail(new SequenceForgotten({ ...session, floor }))
    const known = results.get(session.sequence)
    if (known !== undefined) return Effect.succeed({ revision: known })
    this.applied.push(key)
    const revision = this.applied.length as Revision
    results.set(session.sequence, revision)
    this.forgetOldest(session.sessionId, results)
    return Effect.succeed({ revision })
  }

  private forgetOldest(sessionId: SessionId, results: Map<number, Revision>) {
    if (results.size <= this.remembers) return
    const oldest = Math.min(...results.keys())
    results.delete(oldest)
    this.floors.set(sessionId, oldest)
  }

  private meet<A>(
    fate: Fate | undefined,
    act: () => A
  ): Effect.Effect<A, ConnectionLost | LeaderNotReady | SpaceLow> {
    return Effect.suspend((): Effect.Effect<A, ConnectionLost | LeaderNotReady | SpaceLow> => {
      switch (fate) {
        case "refused":
          return Effect.fail(notReady)
        case "full":
          return Effect.fail(new SpaceLow({ freeBytes: 1, freeBytesMin: 2 }))
        case "lostBefore":
          return Effect.fail(lost)
        case "lostAfter":
          act()
          return Effect.fail(lost)
        default:
          return Effect.succeed(act())
      }
    })
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, at) => at)

const keyOf = (at: number) => `k${at}`
const keys = numbered(200).map(keyOf)

/** One write, refused once, that asks again when time passes, and 200 others, which come to a stand. */
const windowFull = Effect.fnUntraced(function* (node: FakeNode, session: Session) {
  node.fates.push("refused")
  const refused = yield* Effect.forkChild(session.put("a", "1"))
  yield* Effect.repeat(Effect.yieldNow, { while: () => node.fates.length > 0 })
  const others = yield* Effect.forEach(keys, (key) => Effect.forkChild(session.put(key, "1")))
  yield* Effect.repeat(Effect.yieldNow, { while: () => node.applied.length < 63 })
  yield* Effect.repeat(Effect.yieldNow, { times: 1_000 })
  expect(node.applied, "no sequence is 64 above an open one").toHaveLength(63)
  return { others, refused }
})

/** Runs with time passing. */
const timely = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fibre = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("2 minutes")
    return yield* Fiber.join(fibre)
  })

describe("a client with a session", () => {
  it.effect("repeats what was refused and what was not answered, and is applied once", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      node.openFates.push("lostAfter", "refused")
      node.fates.push("refused", "lostBefore", "lostAfter", "lostAfter", "refused")
      const session = yield* RpcSession.make(node.client)
      expect(yield* timely(session.put("a", "1"))).toEqual({ revision: 1 })
      expect(yield* timely(session.put("b", "1"))).toEqual({ revision: 2 })
      expect(node.applied).toEqual(["a", "b"])
      expect(node.sessions.size).toBe(1)
    })
  )

  it.effect("opens another session if its own has expired, and nothing was left open", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const session = yield* RpcSession.make(node.client)
      yield* timely(session.put("a", "1"))
      node.sessions.clear()
      yield* timely(session.put("b", "1"))
      expect([node.applied, node.sessions.size]).toEqual([["a", "b"], 1])
    })
  )

  it.effect("gives up if every session it opens is forgotten, and says so", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      node.forgetsAll = true
      const session = yield* RpcSession.make(node.client)
      const failure = yield* timely(Effect.flip(session.put("a", "1")))
      expect(failure).toMatchObject({ _tag: "SessionUnknown" })
      expect([node.opens, node.applied]).toEqual([3, []])
    })
  )

  it.effect("does not know of a write that was left open when its session expired", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const session = yield* RpcSession.make(node.client)
      yield* timely(session.put("a", "1"))
      node.fates.push("lostAfter")
      const fibre = yield* Effect.forkChild(Effect.flip(session.put("b", "1")))
      yield* Effect.repeat(Effect.yieldNow, { while: () => node.applied.length < 2 })
      node.sessions.clear()
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fibre)).toMatchObject({ _tag: "WriteOutcomeUnknown" })
      expect(node.applied).toEqual(["a", "b"])
    })
  )

  it.effect("gives up at its deadline, and says whether the outcome is open", () =>
    Effect.gen(function* () {
      const ending = (fate: Fate) =>
        Effect.gen(function* () {
          const node = new FakeNode()
          node.fates.push(...Array<Fate>(10_000).fill(fate))
          const session = yield* RpcSession.make(node.client, { deadlineMillis: 5_000 })
          return (yield* timely(Effect.flip(session.put("a", "1"))))._tag
        })
      expect(yield* ending("refused")).toBe("LeaderNotReady")
      expect(yield* ending("lostBefore")).toBe("WriteOutcomeUnknown")
      expect(yield* ending("full"), "hopeless: not repeated").toBe("SpaceLow")
    })
  )

  it.effect("has no more writes in flight than the node remembers twice over", () =>
    Effect.gen(function* () {
      const node = new FakeNode(Effect.sleep(10))
      const session = yield* RpcSession.make(node.client)
      const writes = numbered(300).map((at) => session.put(keyOf(at), "1"))
      yield* timely(Effect.all(writes, { concurrency: "unbounded" }))
      expect(node.inFlightMost).toBe(64)
      expect(new Set(node.applied).size).toBe(300)
    })
  )

  it.effect("applies a write that is refused for a while, however many others come by", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const { others, refused } = yield* windowFull(node, yield* RpcSession.make(node.client))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(refused)
      yield* Fiber.awaitAll(others)
      expect(node.applied.filter((key) => key === "a")).toHaveLength(1)
      expect(new Set(node.applied).size).toBe(201)
    })
  )

  it.effect("keeps nobody waiting for a write that was interrupted", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const { others, refused } = yield* windowFull(node, yield* RpcSession.make(node.client))
      yield* Fiber.interruptAll(others.slice(63, 65))
      yield* Effect.repeat(Effect.yieldNow, { times: 1_000 })
      expect(node.applied, "who waited has left no gap").toHaveLength(63)
      yield* Fiber.interrupt(refused)
      yield* Fiber.awaitAll(others)
      expect(node.applied).toEqual(keys.toSpliced(63, 2))
    })
  )

  it.effect("keeps nobody waiting for a write beyond its deadline", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const put: RpcSession.Writing["put"] = (key, value, write) =>
        Effect.suspend(() => {
          const isRefused = key === "a" && node.fates.length === 0
          return isRefused ? Effect.fail(notReady) : node.client.put(key, value, write)
        })
      const session = yield* RpcSession.make({ ...node.client, put }, { deadlineMillis: 5_000 })
      const { others, refused } = yield* windowFull(node, session)
      yield* TestClock.adjust("5 seconds")
      expect(yield* Effect.flip(Fiber.join(refused))).toMatchObject({ _tag: "LeaderNotReady" })
      yield* Fiber.awaitAll(others)
      expect(node.applied).toEqual(keys)
    })
  )

  it.effect("keeps nobody waiting in a session that has expired", () =>
    Effect.gen(function* () {
      const node = new FakeNode()
      const { others, refused } = yield* windowFull(node, yield* RpcSession.make(node.client))
      node.sessions.clear()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(refused)
      yield* Fiber.awaitAll(others)
      expect([node.opens, node.applied.toSorted()]).toEqual([2, ["a", ...keys].toSorted()])
    })
  )

  it.effect.each([4, 5, 6, 7, 8, 9, 11, 13, 2048])(
    "loses no write and no turn when fibres are stopped after %i operations, or for good",
    (count) =>
      Effect.gen(function* () {
        const { below } = seededNumbers(count)
        const fates = ["refused", "lostAfter", "answered"] as const
        const pause = Effect.suspend(() => Effect.repeat(Effect.yieldNow, { times: below(4) }))
        const node = new FakeNode(Effect.asVoid(pause))
        // No more than the sequences that may be open, or above one that is.
        node.remembers = 64
        node.fates.push(...numbered(300).map(() => fates[below(fates.length)]!))
        const session = yield* RpcSession.make(node.client, { deadlineMillis: 3_600_000 })
        const isInterrupted = (at: number) => at % 3 === 0
        const put = Effect.fnUntraced(function* (at: number) {
          const fibre = yield* Effect.forkChild(session.put(keyOf(at), "1"))
          if (!isInterrupted(at)) return yield* Fiber.join(fibre)
          yield* Effect.repeat(Effect.yieldNow, { times: below(200) })
          return yield* Fiber.interrupt(fibre)
        })
        const all = yield* Effect.forkChild(
          Effect.forEach(numbered(200), put, { concurrency: "unbounded" })
        )
        yield* Effect.repeat(TestClock.adjust("10 millis"), {
          while: () => all.pollUnsafe() === undefined
        })
        yield* Fiber.join(all)
        const answered = numbered(200).filter((at) => !isInterrupted(at))
        expect(node.applied).toEqual(expect.arrayContaining(answered.map(keyOf)))
        expect(new Set(node.applied).size).toBe(node.applied.length)
      }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, count))
  )
})
