/**
 * Rides out refusals that mean "not yet": a caller sees a pause, not an error (SPEC §9, §10, §13).
 *
 * Only refusals after which nothing was proposed are retried, so that no write can be applied twice:
 * `ProposalTimedOut` and `NodeStopped` must never be retried here. The exceptions are `untilKnown` and
 * `acrossLeaders`, for what is applied once however often it is proposed. Nor may a refusal hide that
 * an earlier attempt may be applied: whoever is told "nothing was proposed" asks for another one.
 * Proof: `test/layers/Patience.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { CutoverInFlight, RotationOutcomeUnknown } from "../domain/encryption/Errors.ts"
import {
  LeaderLost,
  LeaderNotReady,
  NotLeader,
  ProposalSuperseded
} from "../domain/engine/Errors.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

/** An election is on, or the leader has not applied what it must first. */
const isLeaderPending = (error: unknown): error is LeaderNotReady | NotLeader =>
  error instanceof LeaderNotReady || (error instanceof NotLeader && error.leader === undefined)

/** It may be applied, and whatever refuses a later attempt does not say whether it is. */
const isOpen = (error: unknown): boolean =>
  error instanceof LeaderLost || error instanceof RotationOutcomeUnknown

/** It may be applied, or has been replaced. */
const isLost = (error: unknown): boolean => isOpen(error) || error instanceof ProposalSuperseded

const pauseMillisMax = 50
/** Attempts that only let others go first: a node in memory gets ready without time passing. */
const turnsMax = 32

const pause = (attempt: number): Effect.Effect<void> =>
  attempt < turnsMax
    ? Effect.yieldNow
    : Effect.sleep(Math.min(2 ** (attempt - turnsMax), pauseMillisMax))

/**
 * Until `NodeConfig.proposalTimeoutMillis` have passed, or a refusal does not pass: that is the answer,
 * unless an attempt was left open. Then it is what left it open; only a success is more than that.
 */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const barrier = yield* QuiescenceBarrier
  const { proposalTimeoutMillis } = yield* NodeConfig
  const now = () => MonotonicClock.nowMillisUnsafe(clock)

  /** Returns when another attempt has a chance: at once when the barrier opens, else after a pause. */
  const chance = (refusal: unknown, attempt: number) => {
    const isHeldOff = refusal instanceof CutoverInFlight && barrier.state().isClosed
    return isHeldOff ? barrier.opened : pause(attempt)
  }

  const patiently =
    (isPending: (error: unknown) => boolean) =>
    <A, E, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        const deadline = now() + proposalTimeoutMillis
        let open: E | undefined
        const from = (attempt: number): Effect.Effect<A, E, R> =>
          Effect.catch(request, (refusal) => {
            if (isOpen(refusal)) open = refusal
            const remainingMillis = deadline - now()
            const isLast = !isPending(refusal) || remainingMillis <= 0
            if (isLast) return Effect.fail(open ?? refusal)
            return chance(refusal, attempt).pipe(
              Effect.timeoutOption(remainingMillis),
              Effect.andThen(from(attempt + 1))
            )
          })
        return from(0)
      })

  const passes = (error: unknown) => error instanceof CutoverInFlight || isLeaderPending(error)
  return {
    /** Rides out an election and a cutover: for reads and writes. */
    duringCutover: patiently(passes),
    /** The same, and asks again what was not answered: only for what cannot be applied twice. */
    untilKnown: patiently((error) => passes(error) || isLost(error)),
    /** The same without a cutover: another call of the kind is refused while one is in flight. */
    acrossLeaders: patiently((error) => isLeaderPending(error) || isLost(error)),
    /** Rides out an election only. */
    duringElection: patiently(isLeaderPending)
  }
})
