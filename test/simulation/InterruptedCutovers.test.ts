/**
 * Cutovers whose callers are interrupted at moments the seed draws, on a node that is stopped and
 * killed (SPEC §12, §19: I7, I8, I9, I10, I11). What happens in a seed is in `CutoverCallers.ts`.
 *
 * `CUTOVER_SEED=17 npm test -- test/simulation/InterruptedCutovers.test.ts` runs one seed.
 */
import { describe, expect, it } from "vitest"
import { type Cell, simulate, steps, ways } from "./CutoverCallers.ts"

const onlySeed = process.env.CUTOVER_SEED
const seedCount = 60
const seeds =
  onlySeed === undefined
    ? Array.from({ length: seedCount }, (_, at) => at + 1)
    : [Number.parseInt(onlySeed, 10)]

const replayed = (seed: number) => {
  try {
    const first = simulate(seed)
    const second = simulate(seed)
    expect(second.sim.traceHash).toBe(first.sim.traceHash)
    expect(second.sim.steps).toBe(first.sim.steps)
    return first
  } catch (cause) {
    const replay = `CUTOVER_SEED=${seed} npm test -- test/simulation/InterruptedCutovers.test.ts`
    throw new Error(`seed ${seed}: ${cause}\nreplay: ${replay}`, { cause })
  }
}

describe("cutovers interrupted at any moment, simulated", () => {
  it(`each caller is told the truth and the barrier opens, over ${seeds.length} seeds`, () => {
    const cells = new Map<Cell, number>()
    const answers = new Map<string, number>()
    for (const seed of seeds) {
      const world = replayed(seed)
      for (const [cell, times] of world.cells) cells.set(cell, (cells.get(cell) ?? 0) + times)
      for (const [tag, times] of world.answers) answers.set(tag, (answers.get(tag) ?? 0) + times)
    }
    console.log("step × interruption:", Object.fromEntries(cells))
    console.log("answers:", Object.fromEntries(answers))
    if (onlySeed !== undefined) return
    for (const step of steps) {
      for (const way of ways)
        expect(cells.get(`${step}, ${way}`) ?? 0, `${step}, ${way}`).not.toBe(0)
    }
  }, 240_000)
})
