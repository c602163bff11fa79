/** What episodes came to, in words. */
import { summaryOf } from "../../bench/Summary.ts"
import { electionMillis, inTimeouts } from "../cluster/ElectionTimeouts.ts"
import type * as CutoverEpisode from "./CutoverEpisode.ts"
import * as CutoverPlan from "./CutoverPlan.ts"
import type { Judged, Outcome } from "./Episode.ts"
import * as Plan from "./Plan.ts"

export const isGood = (outcomes: ReadonlyArray<Judged>): boolean =>
  outcomes.every(({ undecided, violations }) => violations.length + undecided.length === 0)

/** The same, and no client had an error. */
export const isGoodCutover = (outcomes: ReadonlyArray<CutoverEpisode.Outcome>): boolean =>
  isGood(outcomes) && outcomes.every(({ clientErrors }) => clientErrors.length === 0)

/** One episode; of one that is not as it must be also why, and how to run it again. */
export const episode = (outcome: Outcome): string =>
  withReasons(outcome, `${outcome.snapshots} snapshots`, [])

const errorsShownMax = 10

export const cutoverEpisode = (outcome: CutoverEpisode.Outcome): string => {
  const { clientErrors, flowMillis, plan } = outcome
  const flow =
    flowMillis === undefined ? "no fault" : `writes flow after ${flowMillis.toFixed(0)} ms`
  const shown = clientErrors.slice(0, errorsShownMax)
  const more = clientErrors.length - shown.length
  const errors = [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].map(
    (text) => `CLIENT ERROR (seed ${plan.seed}): ${text}`
  )
  return withReasons(outcome, `${plan.fault} at ${plan.step}: ${flow}`, errors)
}

function withReasons(outcome: Judged, what: string, more: ReadonlyArray<string>): string {
  const { directory, millis, operations, seed, undecided, unknown, violations } = outcome
  const first = `seed ${seed}: ${operations} operations answered, ${unknown} of unknown outcome, ${what}, ${(millis / 1_000).toFixed(1)} s`
  const isAsItMust = violations.length + undecided.length + more.length === 0
  return [
    first,
    ...violations.map((text) => `VIOLATION (seed ${seed}): ${text}`),
    ...undecided.map((text) => `UNDECIDED (seed ${seed}): ${text}`),
    ...more,
    ...(directory === undefined ? [] : [`logs and history: ${directory}`]),
    ...(isAsItMust ? [] : [`the same plan: --episodes 1 --seed ${seed}`])
  ].join("\n")
}

export function text(outcomes: ReadonlyArray<Outcome>): string {
  const faults = Plan.kinds.map(
    (kind) => `${kind} ${sum(outcomes, (one) => one.faults.get(kind) ?? 0)}`
  )
  return [
    ...outcomes.filter((outcome) => !isGood([outcome])).map(episode),
    `faults: ${faults.join(", ")}; snapshots installed ${sum(outcomes, ({ snapshots }) => snapshots)}`,
    `of unknown outcome: ${sum(outcomes, ({ unknown }) => unknown)} writes; slowest episode ${(Math.max(...outcomes.map(({ millis }) => millis)) / 1_000).toFixed(1)} s`,
    counts(outcomes)
  ].join("\n")
}

/** Fewer kills are no median to go by. */
export const killsMin = 9
const timeoutsMax = 2

type Measured = Pick<CutoverEpisode.Outcome, "flowMillis" | "plan">

/** Why writes flowed again too late after a leader was killed, by the median over all steps. */
export function tooSlow(outcomes: ReadonlyArray<Measured>): ReadonlyArray<string> {
  const kills = flowsOf(outcomes, ({ fault }) => fault === "kill")
  const { median } = summaryOf(kills)
  return kills.length < killsMin || median <= timeoutsMax * electionMillis
    ? []
    : [
        `TOO SLOW: after ${kills.length} kills writes flowed again after ${inTimeouts(median)} election time-outs in the median, more than ${timeoutsMax}`
      ]
}

const flowsOf = (
  outcomes: ReadonlyArray<Measured>,
  isMeant: (plan: CutoverPlan.CutoverPlan) => boolean
): ReadonlyArray<number> =>
  outcomes.flatMap(({ flowMillis, plan }) =>
    flowMillis !== undefined && isMeant(plan) ? [flowMillis] : []
  )

export function cutoverText(outcomes: ReadonlyArray<CutoverEpisode.Outcome>): string {
  const all = summaryOf(flowsOf(outcomes, () => true))
  const medians = CutoverPlan.faults.map(
    (fault) =>
      `${fault} ${told(summaryOf(flowsOf(outcomes, (plan) => plan.fault === fault)).median)}`
  )
  const cells = new Set(outcomes.map(({ plan: { fault, step } }) => `${step} ${fault}`))
  return [
    ...outcomes.filter((outcome) => !isGoodCutover([outcome])).map(cutoverEpisode),
    `${cells.size} of ${CutoverPlan.cellCount} pairs of step and fault`,
    `writes flow again after, median in election time-outs: ${medians.join(", ")}, all ${told(all.median)}; slowest ${told(all.max)}`,
    ...tooSlow(outcomes),
    `${counts(outcomes)}, client errors ${sum(outcomes, ({ clientErrors }) => clientErrors.length)}`
  ].join("\n")
}

const sum = <A>(all: ReadonlyArray<A>, count: (one: A) => number) =>
  all.reduce((total, one) => total + count(one), 0)

const counts = (outcomes: ReadonlyArray<Judged>): string =>
  `episodes ${outcomes.length}, operations ${sum(outcomes, ({ operations }) => operations)}, violations ${sum(outcomes, ({ violations }) => violations.length)}, undecided ${sum(outcomes, ({ undecided }) => undecided.length)}`

/** Of no times at all there is none. */
const told = (millis: number): string => (Number.isFinite(millis) ? inTimeouts(millis) : "none")
