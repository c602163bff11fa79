/** Lets virtual time pass while something runs, for code that waits on Effect's clock. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** Runs it to its end, a millisecond of the test clock at a time. */
export const inTime = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fibre = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fibre.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
  return yield* Fiber.join(fibre)
})
