/**
 * What a reader of a failure needs: what is violated, the command that shows it again, and the fewest
 * faults that do. Proof: `test/simulation/SimulateCommand.test.ts`.
 */
import * as Program from "../../test/simulation/Program.ts"
import * as Seed from "./Seed.ts"

/** The command that runs just this. No faults at all are `none`. */
export function commandOf({ bug, nodes, only, seed }: Seed.Asked): string {
  const planted = bug === undefined ? "" : ` --bug ${bug}`
  const faults = only && ` --only ${only.length === 0 ? "none" : only}`
  return `npm run -s simulate -- --seed ${seed} --nodes ${nodes}${planted}${faults ?? ""}`
}

/** One for a violation, one for a mismatch. */
export const textsOf = (asked: Seed.Asked, finding: Seed.Finding): ReadonlyArray<string> => [
  ...(finding.isMismatch ? [mismatchOf(asked)] : []),
  ...(finding.violation === undefined ? [] : [violationOf(asked, finding)])
]

const mismatchOf = (asked: Seed.Asked): string =>
  `seed ${asked.seed}: not the same twice; again: ${commandOf(asked)}`

function violationOf(asked: Seed.Asked, { kept, violation }: Seed.Finding): string {
  const { faults } = Seed.programOf(asked)
  const enough = kept.length === 0 ? `none of ${faults.length} faults is needed` : undefined
  return [
    `seed ${asked.seed}: ${violation}`,
    `  again: ${commandOf(asked)}`,
    `  ${enough ?? `${kept.length} of ${faults.length} faults are enough`}: ` +
      commandOf({ ...asked, only: kept }),
    ...kept.map((at) => `  ${Program.text(faults[at]!)}`)
  ].join("\n")
}
