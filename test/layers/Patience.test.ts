import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { CutoverInFlight, RotationOutcomeUnknown } from "../../src/domain/encryption/Errors.ts"
import {
  LeaderLost,
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  ProposalSuperseded,
  ProposalTimedOut,
  SpaceLow
} from "../../src/domain/engine/Errors.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as Patience from "../../src/layers/Patience.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"

const timeoutMillis = 1_000
const services = Layer.mergeAll(
  NodeConfigLive.layer({ proposalTimeoutMillis: timeoutMillis }),
  QuiescenceBarrierLive.layer
)

/** Refuses while `isRefusing`; counts its attempts. */
const request = <E>(refusal: E) => {
  const state = { isRefusing: true, attempts: 0 }
  const effect = Effect.suspend(() => {
    state.attempts += 1
    return state.isRefusing ? Effect.fail(refusal) : Effect.succeed("done")
  })
  return { state, effect }
}

describe("Patience", () => {
  it.effect("waits for the barrier and tries once when it opens", () =>
    Effect.gen(function* () {
      const barrier = yield* QuiescenceBarrier
      const { duringCutover } = yield* Patience.make
      const { effect, state } = request(new CutoverInFlight({}))
      barrier.close()
      const fibre = yield* Effect.forkChild(duringCutover(effect), { startImmediately: true })
      yield* TestClock.adjust(timeoutMillis / 2)
      assert.strictEqual(state.attempts, 1)
      state.isRefusing = false
      barrier.open()
      assert.strictEqual(yield* Fiber.join(fibre), "done")
      assert.strictEqual(state.attempts, 2)
    }).pipe(Effect.provide(services))
  )

  it.effect("answers with the refusal once the time is up", () =>
    Effect.gen(function* () {
      const barrier = yield* QuiescenceBarrier
      const { duringCutover } = yield* Patience.make
      const { effect, state } = request(new CutoverInFlight({}))
      barrier.close()
      const fibre = yield* Effect.forkChild(Effect.flip(duringCutover(effect)), {
        startImmediately: true
      })
      yield* TestClock.adjust(timeoutMillis)
      assert.instanceOf(yield* Fiber.join(fibre), CutoverInFlight)
      assert.strictEqual(state.attempts, 2)
    }).pipe(Effect.provide(services))
  )

  it.effect.each([
    new LeaderNotReady({ awaits: "noop" }),
    new NotLeader({ leader: undefined }),
    new CutoverInFlight({})
  ])("pauses between attempts while the barrier is open: %s", (refusal) =>
    Effect.gen(function* () {
      const { duringCutover } = yield* Patience.make
      const { effect, state } = request(refusal)
      const fibre = yield* Effect.forkChild(Effect.flip(duringCutover(effect)), {
        startImmediately: true
      })
      yield* Effect.repeat(Effect.yieldNow, { times: 40 })
      assert.isUndefined(fibre.pollUnsafe(), "its turns are over, its time is not")
      yield* TestClock.adjust(timeoutMillis)
      assert.strictEqual(yield* Fiber.join(fibre), refusal)
      assert.isBelow(state.attempts, 80)
      assert.isAbove(state.attempts, 45)
    }).pipe(Effect.provide(services))
  )

  it.effect("needs no time for what only waits for its turn", () =>
    Effect.gen(function* () {
      const { duringCutover } = yield* Patience.make
      const { effect, state } = request(new LeaderNotReady({ awaits: "noop" }))
      const turns = Effect.repeat(Effect.yieldNow, { times: 8 })
      yield* Effect.forkChild(
        Effect.andThen(
          turns,
          Effect.sync(() => {
            state.isRefusing = false
          })
        )
      )
      assert.strictEqual(yield* duringCutover(effect), "done")
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }).pipe(Effect.provide(services))
  )

  it.effect.each([new NotLeader({ leader: 2 }), new ProposalTimedOut({ timeoutMillis: 1 })])(
    "never repeats a request after %s",
    (refusal) =>
      Effect.gen(function* () {
        const { duringCutover } = yield* Patience.make
        const { effect, state } = request(refusal)
        assert.strictEqual(yield* Effect.flip(duringCutover(effect)), refusal)
        assert.strictEqual(state.attempts, 1)
        assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      }).pipe(Effect.provide(services))
  )

  const lost = new LeaderLost({ leader: 1, cause: "it went" })
  const unknown = new RotationOutcomeUnknown({ purpose: "raft", replaces: 7, cause: "covered" })
  const definite = [
    new CutoverInFlight({}),
    new LeaderNotReady({ awaits: "noop" }),
    new NotLeader({ leader: undefined }),
    new NotLeader({ leader: 2 }),
    new ProposalSuperseded({ index: 4 }),
    new SpaceLow({ freeBytes: 1, freeBytesMin: 2 }),
    new NodeStopped({ reason: "its disk is full" })
  ]
  const openFirst = [
    ...definite.flatMap((refusal) => [
      { open: lost, refusal, kind: "untilKnown" as const },
      { open: unknown, refusal, kind: "untilKnown" as const }
    ]),
    ...definite.map((refusal) => ({ open: lost, refusal, kind: "acrossLeaders" as const }))
  ]

  it.effect.each(openFirst)(
    "never tells as refused what was left open before: $kind, $open._tag, $refusal._tag",
    ({ kind, open, refusal }) =>
      Effect.gen(function* () {
        const patience = yield* Patience.make
        let attempts = 0
        const asked = Effect.suspend(() => {
          attempts += 1
          return Effect.fail(attempts === 1 ? open : refusal)
        })
        const fibre = yield* Effect.forkChild(Effect.flip(patience[kind](asked)), {
          startImmediately: true
        })
        yield* TestClock.adjust(timeoutMillis)
        assert.strictEqual(yield* Fiber.join(fibre), open)
        assert.isAbove(attempts, 1)
      }).pipe(Effect.provide(services))
  )

  it.effect("answers what an attempt after an open one has done", () =>
    Effect.gen(function* () {
      const { untilKnown } = yield* Patience.make
      const failures = [lost, new NotLeader({ leader: undefined })]
      const asked = Effect.suspend(() => {
        const failure = failures.shift()
        return failure === undefined ? Effect.succeed("done") : Effect.fail(failure)
      })
      assert.strictEqual(yield* untilKnown(asked), "done")
    }).pipe(Effect.provide(services))
  )

  it.effect("does not remember from one request what was open of another", () =>
    Effect.gen(function* () {
      const { untilKnown } = yield* Patience.make
      const refusal = new SpaceLow({ freeBytes: 1, freeBytesMin: 2 })
      const failures = [lost, refusal, refusal]
      const asked = untilKnown(Effect.suspend(() => Effect.fail(failures.shift()!)))
      assert.strictEqual(yield* Effect.flip(asked), lost)
      assert.strictEqual(yield* Effect.flip(asked), refusal)
    }).pipe(Effect.provide(services))
  )

  it.effect("does not make the second of two cutovers wait", () =>
    Effect.gen(function* () {
      const { duringElection } = yield* Patience.make
      const { effect, state } = request(new CutoverInFlight({}))
      assert.instanceOf(yield* Effect.flip(duringElection(effect)), CutoverInFlight)
      assert.strictEqual(state.attempts, 1)
    }).pipe(Effect.provide(services))
  )
})
