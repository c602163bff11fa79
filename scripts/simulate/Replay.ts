/** One seed again, told in full: the faults, what was reached, and what it violates. */
import * as Program from "../../test/simulation/Program.ts"
import * as Shrink from "../../test/simulation/Shrink.ts"
import * as Failure from "./Failure.ts"
import * as Seed from "./Seed.ts"
import * as Totals from "./Totals.ts"

/** False if it violates something, or is not the same twice. */
export function replay(asked: Seed.Asked): boolean {
  const whole = Seed.programOf(asked)
  const beyond = asked.only?.find((at) => at >= whole.faults.length)
  if (beyond !== undefined) {
    throw new Error(`--only ${beyond}: the faults of this seed are 0 to ${whole.faults.length - 1}`)
  }
  const { faults, mode, spares } = asked.only === undefined ? whole : Shrink.only(whole, asked.only)
  console.log(`seed ${asked.seed}, ${asked.nodes} nodes and ${spares} that may join, ${mode}`)
  for (const fault of faults) console.log(Program.text(fault))
  const finding = Seed.findingOf(asked)
  const { acknowledged, isMismatch, reached, reads, steps, traceHash, violation } = finding
  console.log(reached.map(([what, count]) => `${what} ${count}`).join(", "))
  console.log(`${steps} steps, ${acknowledged} writes acknowledged, ${reads} reads`)
  console.log(
    `trace ${traceHash.toString(16)}, ${isMismatch ? "NOT THE SAME TWICE" : "the same twice"}`
  )
  if (violation === undefined) console.log("nothing is violated")
  for (const text of Failure.textsOf(asked, finding)) console.log(text)
  const totals = Totals.withFinding(Totals.none, finding)
  console.log(Totals.lastLineOf(totals))
  return Totals.isGood(totals)
}
