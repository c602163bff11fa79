/**
 * Proposals and reads of the state machine in process: requests through the coordinator, queries
 * after a read index (SPEC §7, §9).
 *
 * What must never happen: a linearizable read before its index is applied; a read answered by a node that
 * has halted; a request repeated after a failure that leaves it open whether it was applied. Proof:
 * `test/layers/Replica.test.ts`, `test/layers/Halting.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SessionRefusal } from "../domain/apply/Outcome.ts"
import { NodeStopped, ProposalTimedOut } from "../domain/engine/Errors.ts"
import { RequestTooLarge, ValueCorrupted } from "../domain/kv/Errors.ts"
import * as Limits from "../domain/Limits.ts"
import type { SessionSequence } from "../domain/log/Request.ts"
import type { SequenceOutOfRange } from "../domain/session/Errors.ts"
import { Applier } from "../services/Applier.ts"
import { Coordinator } from "../services/Coordinator.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { Replica, type ReplicaReadFailure, type ReplicaWriteFailure } from "../services/Replica.ts"
import * as Patience from "./Patience.ts"

/** The same without patience: what refuses for the moment refuses at once. */
export const makeImpatient = Effect.gen(function* () {
  const applier = yield* Applier
  const coordinator = yield* Coordinator
  const engine = yield* RaftEngine
  const { readTimeoutMillis: timeoutMillis } = yield* NodeConfig

  const confirmed = Effect.timeoutOrElse(engine.readIndex, {
    duration: timeoutMillis,
    orElse: () => Effect.fail(new ProposalTimedOut({ timeoutMillis }))
  })
  const readNow = (query: Uint8Array) =>
    Effect.suspend((): Effect.Effect<Uint8Array, NodeStopped | ValueCorrupted> => {
      const intake = engine.intake()
      return intake._tag === "Shut" && intake.reason instanceof NodeStopped
        ? Effect.fail(intake.reason)
        : answerOf(() => applier.read(query))
    })

  return {
    propose: (request: Uint8Array): Effect.Effect<Uint8Array, ReplicaWriteFailure> =>
      unlessTooLarge(request, () => coordinator.propose(request)),
    proposeOnce: (
      request: Uint8Array,
      write: SessionSequence
    ): Effect.Effect<Uint8Array, ReplicaWriteFailure | SessionRefusal | SequenceOutOfRange> =>
      unlessTooLarge(request, () => coordinator.proposeOnce(request, write)),
    openSession: coordinator.openSession,
    read: (
      query: Uint8Array,
      options?: { readonly stale?: boolean | undefined }
    ): Effect.Effect<Uint8Array, ReplicaReadFailure> =>
      options?.stale === true ? readNow(query) : Effect.andThen(confirmed, readNow(query)),
    caughtUp: Effect.asVoid(confirmed),
    stopped: engine.stopped
  }
})

const unlessTooLarge = <A, E>(
  { length }: Uint8Array,
  propose: () => Effect.Effect<A, E>
): Effect.Effect<A, E | RequestTooLarge> =>
  length > Limits.requestBytesMax
    ? Effect.fail(new RequestTooLarge({ bytes: length, bytesMax: Limits.requestBytesMax }))
    : propose()

/** A damaged value is the reader's to know, and the node goes on; any other throw is a bug. */
function answerOf(read: () => Uint8Array): Effect.Effect<Uint8Array, ValueCorrupted> {
  try {
    return Effect.succeed(read())
  } catch (error) {
    return error instanceof ValueCorrupted ? Effect.fail(error) : Effect.die(error)
  }
}

const make = Effect.gen(function* () {
  const { caughtUp, openSession, propose, proposeOnce, read, stopped } = yield* makeImpatient
  const { duringCutover: patiently } = yield* Patience.make
  return Replica.of({
    propose: (request) => patiently(propose(request)),
    proposeOnce: (request, write) => patiently(proposeOnce(request, write)),
    openSession: (sessionId) => patiently(openSession(sessionId)),
    read: (query, options) => patiently(read(query, options)),
    caughtUp: patiently(caughtUp),
    stopped
  })
})

export const layer: Layer.Layer<
  Replica,
  never,
  Applier | Coordinator | NodeConfig | QuiescenceBarrier | RaftEngine
> = Layer.effect(Replica, make)
