/**
 * Whole clusters under a simulated scheduler, clock, network and disks (SPEC §19: I1–I4, I6–I11; §20).
 * `CLUSTER_SEED=17 vitest run test/simulation/Cluster.test.ts` runs one seed of each group,
 * `CLUSTER_SEEDS=500` as many as that.
 */
import { describe, expect, it } from "vitest"
import { type Outcome, type Plan, run } from "./ClusterRun.ts"

const onlySeed = process.env.CLUSTER_SEED
const seeds = Number(process.env.CLUSTER_SEEDS ?? 30)

const seedsUntil = (count: number): ReadonlyArray<number> =>
  onlySeed === undefined ? Array.from({ length: count }, (_, at) => at + 1) : [Number(onlySeed)]

const runAll = (plan: Omit<Plan, "seed">, seeds: number): ReadonlyArray<Outcome> =>
  seedsUntil(seeds).map((seed) => run({ ...plan, seed }))

const sum = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

describe("a simulated cluster loses nothing, shows nothing old, and goes on in the end", () => {
  it(
    "of three nodes that crash, are cut off, hand over and cut over",
    () => {
      const outcomes = runAll({ founders: 3, spares: 0, events: 30 }, seeds)
      if (onlySeed !== undefined) return
      expect(sum(outcomes, ({ counts }) => counts.acknowledged)).toBeGreaterThan(50 * seeds)
      expect(sum(outcomes, ({ counts }) => counts.open)).toBeGreaterThan(seeds)
      expect(sum(outcomes, ({ counts }) => counts.reads)).toBeGreaterThan(50 * seeds)
      expect(sum(outcomes, ({ leaders }) => leaders)).toBeGreaterThan(3 * seeds)
      expect(sum(outcomes, ({ crashes }) => crashes)).toBeGreaterThan(2 * seeds)
      expect(sum(outcomes, ({ transfers }) => transfers)).toBeGreaterThan(seeds / 6)
      expect(outcomes.filter(({ cutoverIndex }) => cutoverIndex > 0).length).toBeGreaterThan(
        seeds / 2
      )
      expect(sum(outcomes, ({ sealedEntries }) => sealedEntries)).toBeGreaterThan(5 * seeds)
    },
    4_000 * seeds
  )

  it(
    "with members that join, are promoted and removed meanwhile",
    () => {
      const outcomes = runAll({ founders: 3, spares: 2, events: 40 }, seeds)
      if (onlySeed !== undefined) return
      expect(sum(outcomes, ({ membershipChanges }) => membershipChanges)).toBeGreaterThan(3 * seeds)
      expect(sum(outcomes, ({ counts }) => counts.acknowledged)).toBeGreaterThan(50 * seeds)
      expect(sum(outcomes, ({ snapshots }) => snapshots)).toBeGreaterThan(seeds / 2)
    },
    4_000 * seeds
  )

  it("is a function of its seed", () => {
    const plan = { founders: 3, spares: 2, events: 20 }
    for (const seed of [1, 2, 3]) expect(run({ ...plan, seed })).toEqual(run({ ...plan, seed }))
  }, 60_000)
})
