/**
 * When each node of the kill rounds is killed: all of it drawn from the seed before anything starts.
 *
 * The rounds are divided into lives. A life begins with an empty directory in phase 0 and ends in
 * phase 2, and its rounds kill the node in each phase and in the middle of each change of phase.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

export type Course = "phase 0" | "enabling storage" | "phase 1" | "cutting over" | "phase 2"

/** In the order of a life; each takes the same share of its rounds. */
export const courses: ReadonlyArray<Course> = [
  "phase 0",
  "enabling storage",
  "phase 1",
  "cutting over",
  "phase 2"
]

export interface Round {
  /** From 1, over all lives. */
  readonly number: number
  readonly course: Course
  /** In every value, and in every key, written in this round and nowhere else. */
  readonly valueToken: string
  readonly keyToken: string
  /** A start that is killed this long after its process began; `undefined`: none is. */
  readonly startKilledAfterMillis: number | undefined
  /** So many writes are acknowledged before the kill, or before the change of phase is asked for. */
  readonly acknowledgedMin: number
  /** From then to the kill. */
  readonly delayMillis: number
}

export type Life = ReadonlyArray<Round>

/** Enough for every course to have two rounds. */
const roundsPerLife = 10
export const acknowledgedPerRoundMin = 25
const acknowledgedSpread = 125
const startMillisMax = 400
/** A commit takes about a millisecond, a change of phase some tens of them. */
const commitMillisMax = 5
const changeMillisMax = 40

const token = Effect.map(
  Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 2 ** 32 - 1))),
  (numbers) => numbers.map((number) => number.toString(16).padStart(8, "0")).join("")
)

const round = Effect.fnUntraced(function* (number: number, course: Course) {
  const isChange = course === "enabling storage" || course === "cutting over"
  const isStartKilled = (yield* Random.next) < 0.3
  const startMillis = yield* Random.nextIntBetween(0, startMillisMax)
  return {
    number,
    course,
    valueToken: `value-${yield* token}`,
    keyToken: `key-${yield* token}`,
    startKilledAfterMillis: isStartKilled ? startMillis : undefined,
    acknowledgedMin:
      acknowledgedPerRoundMin + (yield* Random.nextIntBetween(0, acknowledgedSpread)),
    delayMillis: yield* Random.nextBetween(0, isChange ? changeMillisMax : commitMillisMax)
  }
})

export const make = (options: { readonly rounds: number; readonly seed: string }) => {
  const { rounds, seed } = options
  const lifeCount = Math.max(1, Math.floor(rounds / roundsPerLife))
  const firstOf = (life: number) => Math.floor((life * rounds) / lifeCount)
  return Effect.forEach(
    Array.from({ length: lifeCount }, (_, life) => [firstOf(life), firstOf(life + 1)] as const),
    ([from, until]) =>
      Effect.forEach(
        Array.from({ length: until - from }, (_, at) => at),
        (at) => round(from + at + 1, courses[Math.floor((at * courses.length) / (until - from))]!)
      )
  ).pipe(
    Random.withSeed(seed),
    Effect.map((lives): ReadonlyArray<Life> => lives)
  )
}
