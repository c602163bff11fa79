/**
 * Time that passes, for deadlines and durations: no operator and no time server sets this clock.
 *
 * What must never happen: a bound that a clock set back makes longer, or a time that is over because a
 * clock was set forward. Proof: `test/layers/SessionExpiry.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds since a moment of its own. */
export const nowMillisUnsafe = (clock: Clock.Clock): number =>
  Number(clock.monotonicTimeNanosUnsafe()) / 1e6

export const nowMillis: Effect.Effect<number> = Clock.clockWith((clock) =>
  Effect.sync(() => nowMillisUnsafe(clock))
)
