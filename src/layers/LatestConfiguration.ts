/**
 * Waits until the latest configuration in a leader's log is the one that is applied (SPEC §14).
 *
 * Whoever asks or counts the members takes the applied ones, in the same turn of the runtime. What must
 * never happen: a wait without a bound. Proof: `test/layers/LatestConfiguration.test.ts`.
 */
import * as Effect from "effect/Effect"
import { MembershipChangeInProgress } from "../domain/members/Errors.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import * as MonotonicClock from "./MonotonicClock.ts"

/** Looks once a tick; on a node that does not lead nothing is pending. */
export const makeApplied = Effect.gen(function* () {
  const engine = yield* RaftEngine
  const { proposalTimeoutMillis, tickMillis } = yield* NodeConfig
  return Effect.gen(function* () {
    const deadline = (yield* MonotonicClock.nowMillis) + proposalTimeoutMillis
    while (engine.isMembershipPending()) {
      if ((yield* MonotonicClock.nowMillis) >= deadline) {
        return yield* new MembershipChangeInProgress({})
      }
      yield* Effect.sleep(tickMillis)
    }
  })
})
