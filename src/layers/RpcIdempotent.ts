/**
 * Requests that may be asked again whatever became of them, because what they ask for comes to be once:
 * the two enables (SPEC §12). Asked until it is known, as an operator would, and with a bound.
 *
 * What must never happen: a write without a session asked again here; a definite refusal hidden behind
 * another attempt. Proof: `test/layers/RpcIdempotent.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as MonotonicClock from "./MonotonicClock.ts"

export interface Options {
  /** After this no further attempt begins; the one under way is waited for. */
  readonly deadlineMillis?: number
}

interface Failure {
  readonly _tag: string
}

/** After these it may come to be. */
const isOpen = ({ _tag }: Failure): boolean =>
  _tag === "CutoverOutcomeUnknown" ||
  _tag === "ConnectionLost" ||
  _tag === "LeaderLost" ||
  _tag === "NodeStopped" ||
  _tag === "ProposalTimedOut"

/** After these another attempt may do better; somebody else's cutover ends by itself. */
const isForNow = ({ _tag }: Failure): boolean =>
  _tag === "CutoverInFlight" ||
  _tag === "EndpointUnreachable" ||
  _tag === "LeaderNotReady" ||
  _tag === "NotLeader" ||
  _tag === "ProposalSuperseded"

const pauseMillis = { min: 20, max: 500 }

/** Fails with what leaves the outcome open, if anything did, else with the last refusal. */
export const ask = Effect.fnUntraced(function* <A, E extends Failure>(
  request: Effect.Effect<A, E>,
  { deadlineMillis = 60_000 }: Options = {}
): Effect.fn.Return<A, E> {
  const deadline = (yield* MonotonicClock.nowMillis) + deadlineMillis
  let open: E | undefined
  for (let pause = pauseMillis.min; ; pause = Math.min(2 * pause, pauseMillis.max)) {
    const result = yield* Effect.result(request)
    if (result._tag === "Success") return result.success
    const { failure } = result
    if (isOpen(failure)) open = failure
    else if (!isForNow(failure)) return yield* Effect.fail(failure)
    const isLast = (yield* MonotonicClock.nowMillis) + pause > deadline
    if (isLast) return yield* Effect.fail(open ?? failure)
    yield* Effect.sleep(pause)
  }
})
