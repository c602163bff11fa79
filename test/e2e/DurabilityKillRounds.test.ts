/** SPEC §19, I10: what a node has acknowledged survives SIGKILL, in every phase and between them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as KillRounds from "../../scripts/kill-rounds/KillRounds.ts"
import * as Plan from "../../scripts/kill-rounds/Plan.ts"
import * as Report from "../../scripts/kill-rounds/Report.ts"

const rounds = Plan.courses.length
const seed = "1"

describe("kill rounds", () => {
  it.live(
    "lose nothing and leave no acknowledged key or value of phase 2 in clear",
    () =>
      Effect.gen(function* () {
        const report = yield* KillRounds.run({ rounds, seed, say: () => Effect.void })
        const replay = `npm run -s kill-rounds -- --rounds ${rounds} --seed ${seed}`
        assert.deepStrictEqual(Report.shortcomings(report), [], replay)
        assert.strictEqual(report.rounds, rounds)
      }),
    120_000
  )

  it("are a function of their seed, and reach every course in every life", async () => {
    const planOf = (given: string) => Effect.runPromise(Plan.make({ rounds: 50, seed: given }))
    const lives = await planOf("a")
    assert.deepStrictEqual(await planOf("a"), lives)
    assert.notDeepEqual(await planOf("b"), lives)
    assert.strictEqual(lives.flat().length, 50)
    for (const life of lives) {
      assert.deepStrictEqual([...new Set(life.map(({ course }) => course))], [...Plan.courses])
    }
    for (const few of [1, 4]) {
      assert.strictEqual(
        (await Effect.runPromise(Plan.make({ rounds: few, seed: "a" }))).flat().length,
        few
      )
    }
  })
})
