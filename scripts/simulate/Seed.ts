/** One seed, run as it is asked for: what a campaign, a replay and a test tell of it. */
import * as Catching from "../../test/simulation/Catching.ts"
import * as PlantedBugs from "../../test/simulation/PlantedBugs.ts"
import type * as Program from "../../test/simulation/Program.ts"
import * as Shrink from "../../test/simulation/Shrink.ts"
import { type Report, simulate } from "../../test/simulation/Simulation.ts"

export interface Asked {
  readonly seed: number
  readonly nodes: number
  /** Planted in the cluster, whose program is narrowed to what it needs. */
  readonly bug?: string | undefined
  /** Positions of the faults that are kept; else all of them. */
  readonly only?: ReadonlyArray<number> | undefined
  /** Whether the seed is the same twice is not looked at. */
  readonly isOnce?: boolean | undefined
}

export interface Finding extends Omit<Report, "reached"> {
  readonly seed: number
  readonly isMismatch: boolean
  /** Positions of the faults that are enough for the violation. */
  readonly kept: ReadonlyArray<number>
  readonly reached: ReadonlyArray<readonly [what: string, count: number]>
}

/** With all its faults. */
export const programOf = ({ bug, nodes, seed }: Asked): Program.Program =>
  Catching.programOf(PlantedBugs.named(bug), { seed, nodes })

export function findingOf(asked: Asked): Finding {
  const planted = PlantedBugs.named(asked.bug)
  const whole = programOf(asked)
  const positions = asked.only ?? whole.faults.map((_, at) => at)
  const program = Shrink.only(whole, positions)
  const run = (fewer: Program.Program) => simulate(fewer, planted)
  const report = run(program)
  const { traceHash, violation } = report
  const isMismatch = asked.isOnce !== true && run(program).traceHash !== traceHash
  const violationOf = (fewer: Program.Program) => run(fewer).violation
  const shrunk = violation === undefined ? [] : Shrink.shrink(program, { violation, violationOf })
  const kept = shrunk.map((at) => positions[at]!)
  return { ...report, seed: asked.seed, isMismatch, kept, reached: [...report.reached] }
}
