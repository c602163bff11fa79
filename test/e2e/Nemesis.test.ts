/**
 * SPEC §19, I10: what clients of real clusters see while nodes and network fail is linearizable.
 *
 * `NEMESIS_SEED=17` runs the episodes of seeds 17 and those that follow it, `NEMESIS_EPISODES=50` so many.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Episode from "../../scripts/nemesis/Episode.ts"
import * as Plan from "../../scripts/nemesis/Plan.ts"
import * as Report from "../../scripts/nemesis/Report.ts"

const firstSeed = Number(process.env.NEMESIS_SEED ?? "1")
const episodes = Number(process.env.NEMESIS_EPISODES ?? "10")
/** Every fifth episode has five nodes, which cost a machine of two cores more than they find. */
const nodeCountOf = (seed: number) => (seed % 5 === 0 ? 5 : 3)

describe("three or five processes, eight clients, and everything that can go wrong", () => {
  for (let seed = firstSeed; seed < firstSeed + episodes; seed++) {
    const plan = Plan.make(seed, nodeCountOf(seed))
    it.live(
      Plan.describe(plan),
      () =>
        Effect.gen(function* () {
          const outcome = yield* Episode.run({ plan, say: () => {} })
          assert.isTrue(Report.isGood([outcome]), Report.episode(outcome))
          assert.isAtLeast(outcome.operations, Episode.operationsBeforeFaults)
        }),
      120_000
    )
  }
})
