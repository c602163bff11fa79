/**
 * Lies that a recorder tells when a test asks it to, so that the judge shows its teeth: nothing of this
 * is in the product, and none without `--planted`.
 */
import * as Effect from "effect/Effect"
import type { Answer, Call } from "./History.ts"
import type { Asked } from "./Recorder.ts"

/** A read that answers what was there before; a write that is acknowledged and never sent. */
export const lies = ["stale-read", "lost-write"] as const
export type PlantedLie = (typeof lies)[number]

/**
 * What is to be sealed is written before it can be; one node says another cutover index; the logs are
 * judged by a marker one entry too early; one node holds another state; all nodes wait too short for
 * what passes.
 */
export const cutoverLies = [
  "early-canary",
  "other-index",
  "other-marker",
  "other-state",
  "impatient-node"
] as const
export type PlantedCutoverLie = (typeof cutoverLies)[number]

export interface Lie {
  /** What is done in place of the call, if it is. */
  readonly insteadOf: (
    asked: Asked,
    calls: ReadonlyArray<Call>
  ) => Effect.Effect<Answer> | undefined
  readonly told: (asked: Asked, answer: Answer, calls: ReadonlyArray<Call>) => Answer
}

/** Told when so many calls are over, and again after as many: what is overwritten unseen is no lie. */
const everyCalls = 40

export function lie(planted: PlantedLie | undefined): Lie {
  let nextAt = everyCalls
  const isTime = (calls: ReadonlyArray<Call>, which: PlantedLie) =>
    planted === which && calls.length >= nextAt
  return {
    insteadOf: ({ writes }, calls) => {
      const [first] = writes
      if (!isTime(calls, "lost-write") || writes.length !== 1 || first?._tag !== "Put") {
        return undefined
      }
      nextAt = calls.length + everyCalls
      return Effect.succeed({ parts: [{ input: first, output: { _tag: "Written" } }] })
    },
    told: (_asked, answer, calls) => {
      const [part] = answer.parts
      if (!isTime(calls, "stale-read") || part?.output._tag !== "Found") return answer
      const { key } = part.input
      const older = calls
        .flatMap(({ end }) => (end._tag === "Answered" ? end.answer.parts : []))
        .find(({ input, output }) => input.key === key && output._tag === "Found")
      if (older === undefined || older.output._tag !== "Found") return answer
      if (older.output.value === part.output.value) return answer
      nextAt = calls.length + everyCalls
      return { parts: [{ input: part.input, output: older.output }] }
    }
  }
}
