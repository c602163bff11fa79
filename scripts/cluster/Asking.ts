/** How whoever watches a cluster from outside waits: by asking, because a process tells nothing by itself. */
import * as Effect from "effect/Effect"

const askMillis = 50

/** Asks again until there is an answer, whatever goes wrong on the way; its bound is the caller's. */
export const answered = <A, E, R>(
  ask: Effect.Effect<A | undefined, E, R>
): Effect.Effect<A, never, R> =>
  Effect.gen(function* () {
    for (;;) {
      const answer = yield* Effect.option(ask)
      if (answer._tag === "Some" && answer.value !== undefined) return answer.value
      yield* Effect.sleep(askMillis)
    }
  })
