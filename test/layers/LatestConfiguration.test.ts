/** SPEC §14: members are asked once the latest configuration in the log is applied. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as LatestConfiguration from "../../src/layers/LatestConfiguration.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { start } from "../support/Fibers.ts"

/** A leader whose newest membership entry is applied when the test says so. */
const withLeader = <A, E>(
  test: (leader: { isPending: boolean }) => Effect.Effect<A, E, RaftEngine>
) =>
  Effect.suspend(() => {
    const leader = { isPending: true }
    const engine = { isMembershipPending: () => leader.isPending } as RaftEngine["Service"]
    return Effect.provideService(test(leader), RaftEngine, engine)
  })

const applied = Effect.flatten(LatestConfiguration.makeApplied).pipe(
  Effect.provide(NodeConfigLive.layer({ tickMillis: 100, proposalTimeoutMillis: 1_000 }))
)

describe("the latest configuration in a leader's log", () => {
  it.effect("is waited for until it is applied", () =>
    withLeader((leader) =>
      Effect.gen(function* () {
        const waiting = yield* start(applied)
        yield* TestClock.adjust(900)
        assert.isUndefined(waiting.pollUnsafe())
        leader.isPending = false
        yield* TestClock.adjust(100)
        yield* Fiber.join(waiting)
        yield* applied
      })
    )
  )

  it.effect("is waited for no longer than a proposal is", () =>
    withLeader(() =>
      Effect.gen(function* () {
        const waiting = yield* start(Effect.flip(applied))
        yield* TestClock.adjust(1_000)
        assert.strictEqual((yield* Fiber.join(waiting))._tag, "MembershipChangeInProgress")
      })
    )
  )
})
