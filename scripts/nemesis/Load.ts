/** The clients of an episode together: from their first question until they are told to stop. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { seededNumbers } from "../../test/support/SeededNumbers.ts"
import * as Clients from "./Clients.ts"
import * as Operator from "./Operator.ts"

export interface Options extends Omit<Clients.Options, "numbers" | "isOver"> {
  readonly seed: number
  /** Then the clients ask for nothing more, whatever else. */
  readonly millisMax: number
}

export type Load = Effect.Success<ReturnType<typeof begin>>

export const begin = Effect.fnUntraced(function* ({ millisMax, seed, ...options }: Options) {
  const began = performance.now()
  const sinceBegan = () => performance.now() - began
  let isToEnd = false
  const isOver = () => isToEnd || sinceBegan() > millisMax
  const clients = yield* Effect.forkChild(
    Effect.forEach(
      Array.from({ length: Clients.clientCount }, (_, id) => id),
      (id) => Clients.run(id, { ...options, numbers: seededNumbers(seed * 100 + id), isOver }),
      { concurrency: "unbounded" }
    )
  )
  const { recorder } = options
  return {
    sinceBegan,
    /** Returns once so many calls were answered in all, or the time is over. */
    answered: (count: number, withinMillis: number) =>
      Effect.timeoutOption(
        Operator.until(Effect.sync(() => recorder.answered >= count)),
        Math.max(0, withinMillis)
      ),
    /** Returns every key of the clients, when the last of them has its answer. */
    end: Effect.suspend(() => {
      isToEnd = true
      return Effect.map(Fiber.join(clients), (keys) => [...new Set(keys.flat())])
    })
  }
})
