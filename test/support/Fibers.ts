/** How tests run what waits: until it waits, and until nothing more can run. */
import * as Effect from "effect/Effect"

/** Runs until it waits. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(effect, { startImmediately: true })

/** Everything that can run without time passing has run. */
export const settled = Effect.repeat(Effect.yieldNow, { times: 200 })
