/** What episodes came to, in words. */
import type { Outcome } from "./Episode.ts"
import * as Plan from "./Plan.ts"

export const isGood = (outcomes: ReadonlyArray<Outcome>): boolean =>
  outcomes.every(({ undecided, violations }) => violations.length + undecided.length === 0)

/** One episode; of one that is not as it must be also why, and how to run it again. */
export function episode(outcome: Outcome): string {
  const { directory, millis, operations, seed, snapshots, undecided, unknown, violations } = outcome
  const first = `seed ${seed}: ${operations} operations answered, ${unknown} of unknown outcome, ${snapshots} snapshots, ${(millis / 1_000).toFixed(1)} s`
  const isAsItMust = violations.length + undecided.length === 0
  return [
    first,
    ...violations.map((text) => `VIOLATION (seed ${seed}): ${text}`),
    ...undecided.map((text) => `UNDECIDED (seed ${seed}): ${text}`),
    ...(directory === undefined ? [] : [`logs and history: ${directory}`]),
    ...(isAsItMust ? [] : [`the same plan: npm run -s nemesis -- --episodes 1 --seed ${seed}`])
  ].join("\n")
}

export function text(outcomes: ReadonlyArray<Outcome>): string {
  const sum = (count: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  const faults = Plan.kinds.map((kind) => `${kind} ${sum((one) => one.faults.get(kind) ?? 0)}`)
  return [
    ...outcomes.filter((outcome) => !isGood([outcome])).map(episode),
    `faults: ${faults.join(", ")}; snapshots installed ${sum(({ snapshots }) => snapshots)}`,
    `of unknown outcome: ${sum(({ unknown }) => unknown)} writes; slowest episode ${(Math.max(...outcomes.map(({ millis }) => millis)) / 1_000).toFixed(1)} s`,
    `episodes ${outcomes.length}, operations ${sum(({ operations }) => operations)}, violations ${sum(({ violations }) => violations.length)}, undecided ${sum(({ undecided }) => undecided.length)}`
  ].join("\n")
}
