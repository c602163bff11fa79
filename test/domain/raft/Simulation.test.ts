/**
 * Random clusters, hundreds of seeds: safety after every step, progress once everything works again.
 * `RAFT_SEED=17 vitest run test/domain/raft/Simulation.test.ts` runs one seed of each group.
 */
import { describe, expect, it } from "vitest"
import { InvariantViolated } from "../../../src/domain/Invariant.ts"
import type { PlantedBug } from "../../../src/domain/raft/PlantedBug.ts"
import { SafetyViolated } from "./support/SafetyChecks.ts"
import type { DriverBug } from "./support/SimulatedMember.ts"
import { type Outcome, type Plan, run } from "./support/Simulation.ts"

const onlySeed = process.env.RAFT_SEED

const seedsUntil = (count: number): ReadonlyArray<number> =>
  onlySeed === undefined ? Array.from({ length: count }, (_, seed) => seed) : [Number(onlySeed)]

function runSeed(plan: Plan): Outcome {
  try {
    return run(plan)
  } catch (cause) {
    const replay = `RAFT_SEED=${plan.seed} vitest run test/domain/raft/Simulation.test.ts`
    throw new Error(`seed ${plan.seed} failed; replay with ${replay}`, { cause })
  }
}

const sum = (outcomes: ReadonlyArray<Outcome>, of: keyof Omit<Outcome, "trace">): number =>
  outcomes.reduce((total, outcome) => total + outcome[of], 0)

describe("a simulated cluster is safe after every step, and recovers", () => {
  const groups = [
    { voters: 1, spares: 0, seeds: 40, steps: 1500 },
    { voters: 3, spares: 0, seeds: 120, steps: 2500 },
    { voters: 5, spares: 0, seeds: 80, steps: 3000 },
    { voters: 3, spares: 3, seeds: 150, steps: 3000 }
  ]
  it.each(groups)("$voters voters, $spares spares", ({ seeds, spares, steps, voters }) => {
    const outcomes = seedsUntil(seeds).map((seed) => runSeed({ seed, voters, spares, steps }))
    if (onlySeed !== undefined) return
    expect(sum(outcomes, "committed")).toBeGreaterThan(10 * seeds)
    expect(sum(outcomes, "elections")).toBeGreaterThan(voters === 1 ? seeds : 2 * seeds)
    if (voters > 1) expect(sum(outcomes, "snapshots")).toBeGreaterThan(seeds / 4)
    expect(sum(outcomes, "reads")).toBeGreaterThan(seeds)
    if (spares > 0) expect(sum(outcomes, "membershipChanges")).toBeGreaterThan(seeds)
  })

  it("is a function of its seed", () => {
    const plan = { seed: 7, voters: 3, spares: 2, steps: 2000 }
    expect(run(plan)).toEqual(run(plan))
  })
})

describe("the checks notice a planted bug", () => {
  /** More seeds than any of them should need; the first one that notices ends the search. */
  const seedsMax = 2000

  /** What the first run that breaks says is broken. */
  function firstViolation(plan: Omit<Plan, "seed">): string | undefined {
    for (let seed = 0; seed < seedsMax; seed++) {
      try {
        run({ ...plan, seed })
      } catch (error) {
        if (error instanceof SafetyViolated || error instanceof InvariantViolated) {
          return error.message
        }
        throw error
      }
    }
    return undefined
  }

  const inCore: Array<[PlantedBug, Pick<Plan, "voters" | "spares">, RegExp]> = [
    ["votesTwice", { voters: 3, spares: 0 }, /voted for|lead in term/],
    ["votesForAnyLog", { voters: 3, spares: 0 }, /lacks the committed entry/],
    ["commitsEarlierTerms", { voters: 3, spares: 0 }, /lacks the committed entry|another entry/],
    ["appendsWithoutMatch", { voters: 3, spares: 0 }, /another entry/],
    ["cutsBehindAppend", { voters: 3, spares: 0 }, /hold it|in the log|lacks/],
    ["snapshotLosesTail", { voters: 3, spares: 0 }, /hold it|in the log|lacks/],
    ["countsItselfUnpersisted", { voters: 1, spares: 0 }, /hold it/],
    ["ignoresOutgoingVoters", { voters: 3, spares: 2 }, /hold it|lacks|lead in term/],
    ["readsWithoutQuorum", { voters: 3, spares: 0 }, /may read at/],
    ["learnsCommittedOfAnyTerm", { voters: 3, spares: 0 }, /another entry|hold it|in the log|lacks/]
  ]
  it.each(inCore)("in the core: %s", (plantedBug, cluster, broken) => {
    expect(firstViolation({ ...cluster, steps: 4000, bugs: { plantedBug } })).toMatch(broken)
  })

  const inDriver: Array<[DriverBug, RegExp]> = [
    ["sendsBeforePersisting", /hold it|in the log|lacks/],
    ["forgetsVote", /voted for|lead in term/],
    ["losesLastWrite", /term .* went back|hold it|in the log|lacks/]
  ]
  it.each(inDriver)("in the driver: %s", (driverBug, broken) => {
    const plan = { voters: 3, spares: 0, steps: 4000, bugs: { driverBug } }
    expect(firstViolation(plan)).toMatch(broken)
  })
})
