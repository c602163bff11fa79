/** One seed again, told in full: the faults, what was reached, and what it violates. */
import * as Catching from "../../test/simulation/Catching.ts"
import * as PlantedBugs from "../../test/simulation/PlantedBugs.ts"
import * as Program from "../../test/simulation/Program.ts"
import * as Shrink from "../../test/simulation/Shrink.ts"
import { simulate } from "../../test/simulation/Simulation.ts"

export interface Options {
  readonly seed: number
  readonly nodes: number
  /** Of a planted bug, whose seed it is. */
  readonly bug: string | undefined
  /** Positions of the faults that are kept. */
  readonly only: ReadonlyArray<number> | undefined
}

/** False if it violates something, or is not the same twice. */
export function replay({ bug, nodes, only, seed }: Options): boolean {
  const planted = PlantedBugs.named(bug)
  const whole = Catching.programOf(planted, { seed, nodes })
  const program = only === undefined ? whole : Shrink.only(whole, only)
  const run = () => simulate(program, planted)
  const report = run()
  const isSame = run().traceHash === report.traceHash
  const { acknowledged, reached, reads, steps, traceHash, violation } = report
  console.log(`seed ${seed}, ${nodes} nodes and ${program.spares} that may join, ${program.mode}`)
  for (const fault of program.faults) console.log(Program.text(fault))
  console.log([...reached].map(([what, count]) => `${what} ${count}`).join(", "))
  console.log(`${steps} steps, ${acknowledged} writes acknowledged, ${reads} reads`)
  console.log(
    `trace ${traceHash.toString(16)}, ${isSame ? "the same twice" : "NOT THE SAME TWICE"}`
  )
  console.log(violation === undefined ? "nothing is violated" : `VIOLATED ${violation}`)
  return violation === undefined && isSame
}
