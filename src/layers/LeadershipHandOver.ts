/**
 * A leader that is told to stop hands over first, so that the others need no election time-out to miss it
 * (SPEC §15).
 *
 * Bounded by the transfer's own time-out. What must never happen: a node that does not stop because
 * nobody takes over. Proof: `test/e2e/HandOver.test.ts`.
 */
import * as Effect from "effect/Effect"
import { successorOf } from "../domain/raft/Successor.ts"
import { RaftEngine } from "../services/RaftEngine.ts"

export const handOver: Effect.Effect<void, never, RaftEngine> = Effect.gen(function* () {
  const { status, transferLeadership } = yield* RaftEngine
  const successor = successorOf(status())
  if (successor !== undefined) yield* Effect.ignore(transferLeadership(successor))
})
