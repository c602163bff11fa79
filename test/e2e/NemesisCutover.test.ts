/**
 * SPEC §12, §20: real clusters survive the cutover whatever happens to the leader at a step of it.
 *
 * `NEMESIS_CUTOVER_SEEDS=1,2,3` runs the episodes of these seeds. The default: the marker in the log of the
 * leader alone, committed and applied nowhere, and applied with the barrier still closed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as CutoverEpisode from "../../scripts/nemesis/CutoverEpisode.ts"
import * as CutoverPlan from "../../scripts/nemesis/CutoverPlan.ts"
import * as Report from "../../scripts/nemesis/Report.ts"

const seeds = (process.env.NEMESIS_CUTOVER_SEEDS ?? "22,5,7").split(",").map(Number)

describe("three processes, eight clients, and a leader that is held in the middle of the cutover", () => {
  for (const seed of seeds) {
    const plan = CutoverPlan.make(seed, 3)
    it.live(
      CutoverPlan.describe(plan),
      () =>
        Effect.gen(function* () {
          const outcome = yield* CutoverEpisode.run({ plan, say: () => {} })
          assert.isTrue(Report.isGoodCutover([outcome]), Report.cutoverEpisode(outcome))
          assert.isDefined(outcome.flowMillis)
        }),
      300_000
    )
  }
})
