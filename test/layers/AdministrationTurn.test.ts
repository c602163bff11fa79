/** SPEC §12, §14, §15: encryption and membership are changed one at a time on a leader. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as AdministrationTurnLive from "../../src/layers/AdministrationTurnLive.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { AdministrationTurn, type TurnHolder } from "../../src/services/AdministrationTurn.ts"
import { start } from "../support/Fibers.ts"

const take = (holder: TurnHolder) =>
  Effect.flatMap(AdministrationTurn, (turns) => turns.take(holder))

const withTurns = <A, E>(test: Effect.Effect<A, E, AdministrationTurn>) =>
  Effect.provide(
    test,
    Layer.provide(
      AdministrationTurnLive.layer,
      NodeConfigLive.layer({ proposalTimeoutMillis: 1_000 })
    )
  )

describe("the turn of the administration", () => {
  it.effect("is one holder's at a time, and the next one's when it ends", () =>
    withTurns(
      Effect.gen(function* () {
        const first = yield* take("membership")
        const waiting = yield* start(take("encryption"))
        yield* TestClock.adjust(999)
        assert.isUndefined(waiting.pollUnsafe())
        first.end()
        const second = yield* Fiber.join(waiting)
        assert.strictEqual((yield* refusalOf("membership"))._tag, "CutoverInFlight")
        second.end()
        yield* take("cutover")
      })
    )
  )

  it.effect("is waited for so long and refused by what has it", () =>
    withTurns(
      Effect.gen(function* () {
        for (const [holder, tag] of refusals) {
          const held = yield* take(holder)
          assert.strictEqual((yield* refusalOf("encryption"))._tag, tag)
          held.end()
        }
      })
    )
  )

  it.effect("is refused at once to a second cutover", () =>
    withTurns(
      Effect.gen(function* () {
        yield* take("cutover")
        const refusal = yield* Effect.flip(take("cutover"))
        assert.strictEqual(refusal._tag, "CutoverInFlight")
      })
    )
  )

  it.effect("is kept for what is on its way, also when who took it has gone", () =>
    withTurns(
      Effect.gen(function* () {
        const turn = yield* take("cutover")
        const [settleOne, settleTwo] = [turn.keep(), turn.keep()]
        turn.end()
        turn.end()
        settleOne()
        settleOne()
        assert.strictEqual((yield* refusalOf("membership"))._tag, "CutoverInFlight")
        settleTwo()
        yield* take("membership")
      })
    )
  )

  it.effect("is not lost to somebody who waits for it and goes", () =>
    withTurns(
      Effect.gen(function* () {
        const turn = yield* take("membership")
        const use = Effect.acquireUseRelease(
          take("encryption"),
          () => Effect.never,
          ({ end }) => Effect.sync(end)
        )
        const leaving = yield* start(use)
        const holding = yield* start(use)
        yield* Fiber.interrupt(leaving)
        turn.end()
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* refusalOf("membership"))._tag, "CutoverInFlight")
        yield* Fiber.interrupt(holding)
        yield* take("membership")
      })
    )
  )
})

const refusals = [
  ["membership", "MembershipChangeInProgress"],
  ["encryption", "CutoverInFlight"],
  ["cutover", "CutoverInFlight"]
] as const

/** It comes when the time is over, and not before. */
const refusalOf = (holder: TurnHolder) =>
  Effect.gen(function* () {
    const refused = yield* start(Effect.flip(take(holder)))
    yield* TestClock.adjust(999)
    assert.isUndefined(refused.pollUnsafe())
    yield* TestClock.adjust(1)
    return yield* Fiber.join(refused)
  })
