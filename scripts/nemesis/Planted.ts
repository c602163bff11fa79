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

export interface Lie {
  /** What is done in place of the call, if it is. */
  readonly insteadOf: (
    asked: Asked,
    calls: ReadonlyArray<Call>
  ) => Effect.Effect<Answer> | undefined
  readonly told: (asked: Asked, answer: Answer, calls: ReadonlyArray<Call>) => Answer
}

/** Each is told once, when so many calls are over. */
const afterCalls = 200

export function lie(planted: PlantedLie | undefined): Lie {
  let isTold = planted === undefined
  const isTime = (calls: ReadonlyArray<Call>, which: PlantedLie) =>
    !isTold && planted === which && calls.length >= afterCalls
  return {
    insteadOf: ({ writes }, calls) => {
      const [first] = writes
      if (!isTime(calls, "lost-write") || writes.length !== 1 || first?._tag !== "Put") {
        return undefined
      }
      isTold = true
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
      isTold = true
      return { parts: [{ input: part.input, output: older.output }] }
    }
  }
}
