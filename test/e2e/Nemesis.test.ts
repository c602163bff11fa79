/**
 * SPEC §19, I10: what clients of real clusters see while nodes and network fail is linearizable.
 *
 * While one episode is in trouble the next one founds its cluster, and the last one is read and judged.
 * `NEMESIS_SEED=17` runs the episodes of seeds 17 and those that follow it, `NEMESIS_EPISODES=50` so many.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { vi } from "vitest"
import * as Episode from "../../scripts/nemesis/Episode.ts"
import * as Plan from "../../scripts/nemesis/Plan.ts"
import * as Report from "../../scripts/nemesis/Report.ts"

const firstSeed = Number(process.env.NEMESIS_SEED ?? "1")
const episodes = Number(process.env.NEMESIS_EPISODES ?? "10")
/** Every fifth episode has five nodes, which cost a machine of two cores more than they find. */
const nodeCountOf = (seed: number) => (seed % 5 === 0 ? 5 : 3)

vi.setConfig({ maxConcurrency: 2 })
const turn = Semaphore.makeUnsafe(1)

describe.concurrent("three or five processes, eight clients, and everything that can go wrong", () => {
  for (let seed = firstSeed; seed < firstSeed + episodes; seed++) {
    const plan = Plan.make(seed, nodeCountOf(seed))
    it.live(
      Plan.describe(plan),
      () =>
        Effect.gen(function* () {
          const outcome = yield* Episode.run({ plan, turn, say: () => {} })
          assert.isTrue(Report.isGood([outcome]), Report.episode(outcome))
          assert.isAtLeast(outcome.operations, Episode.operationsBeforeFaults)
        }),
      240_000
    )
  }
})
