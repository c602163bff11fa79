/**
 * Admission by free space and the barrier, then group commit (SPEC §9).
 *
 * Requests are taken in order of arrival and become one entry: one seal, one sync. What must never
 * happen: a request counted in flight and never settled; one answered with another's result.
 * Proof: `test/layers/Coordinator.test.ts`, `CoordinatorClosing.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type { AppliedOutcome, RequestOutcome, SessionRefusal } from "../domain/apply/Outcome.ts"
import { CutoverInFlight } from "../domain/encryption/Errors.ts"
import type { SidecarOutcome } from "../domain/encryption/SidecarState.ts"
import {
  NodeStopped,
  ProposalSuperseded,
  ProposalTimedOut,
  type SpaceLow,
  TooManyProposals
} from "../domain/engine/Errors.ts"
import { GroupCommit, type Waiting } from "../domain/engine/GroupCommit.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import * as Payload from "../domain/log/Payload.ts"
import { isSequence, type SessionSequence } from "../domain/log/Request.ts"
import { SequenceForgotten, SequenceOutOfRange, SessionUnknown } from "../domain/session/Errors.ts"
import type { ProposalFate } from "../domain/telemetry/Counters.ts"
import { type Administering, Coordinator, type ProposeFailure } from "../services/Coordinator.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { type ProposeRejection, RaftEngine } from "../services/RaftEngine.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { WrapFlag } from "../services/WrapFlag.ts"
import { SpaceReport } from "./SpaceReport.ts"

const { batchAnswerBytesMax } = Limits

/** What applying it did, for one caller. */
type Answer =
  | RequestOutcome
  | Extract<AppliedOutcome, { readonly _tag: "SessionOpened" | "SessionsExpired" }>

/** A user request. One that is alone is a payload already. */
type Asked = Omit<Admitted, "term" | "resume">

/** One that was admitted, with its caller. */
interface Admitted extends Waiting {
  readonly session: SessionSequence | undefined
  readonly resume: (answer: Effect.Effect<Answer, ProposeFailure>) => void
}

const make = Effect.gen(function* () {
  const config = yield* NodeConfig
  const propose = yield* makePropose
  const administer = yield* makeAdminister
  const { counters } = yield* Telemetry
  const timeoutMillis = config.proposalTimeoutMillis
  const within = <A>(answer: Effect.Effect<A, ProposeFailure>) =>
    Effect.timeoutOrElse(answer, {
      duration: timeoutMillis,
      orElse: () => {
        counters.proposalTimeouts += 1
        return Effect.fail(new ProposalTimedOut({ timeoutMillis }))
      }
    })
  const ofRequest = (
    request: Uint8Array,
    session: SessionSequence | undefined,
    answerBytesMax = 0
  ) => within(propose({ request, session, answerBytesMax, isAlone: false }))
  const alone = { session: undefined, answerBytesMax: 0, isAlone: true } as const
  const ofPayload = (payload: Payload.OpenSession | Payload.ExpireSessions) =>
    within(propose({ request: Payload.encode(payload), ...alone }))
  return Coordinator.of({
    propose: (request, answerBytesMax) =>
      Effect.map(ofRequest(request, undefined, answerBytesMax), resultOf),
    proposeOnce: (request, write, answerBytesMax) =>
      isSequence(write.sequence)
        ? Effect.flatMap(ofRequest(request, write, answerBytesMax), (answer) =>
            isRefusal(answer) ? Effect.fail(answer) : Effect.succeed(resultOf(answer))
          )
        : Effect.fail(new SequenceOutOfRange({ sequence: write.sequence })),
    openSession: (sessionId) =>
      Effect.flatMap(ofPayload({ _tag: "OpenSession", sessionId }), (answer) => {
        invariant(isOutcome(answer, "SessionOpened"), "opening a session has its own outcome")
        const { outcome } = answer
        return outcome._tag === "Refused" ? Effect.fail(outcome.refusal) : Effect.void
      }),
    expireSessions: (sessions) =>
      Effect.map(ofPayload({ _tag: "ExpireSessions", sessions }), (answer) => {
        invariant(isOutcome(answer, "SessionsExpired"), "expiring sessions has its own outcome")
        return answer.count
      }),
    administer: (body, administering) => within(administer(body, administering))
  })
})

const isOutcome = <Tag extends AppliedOutcome["_tag"]>(
  answer: Answer,
  tag: Tag
): answer is Extract<Answer, { readonly _tag: Tag }> => "_tag" in answer && answer._tag === tag

const isRefusal = (answer: Answer): answer is SessionRefusal =>
  answer instanceof SessionUnknown || answer instanceof SequenceForgotten

function resultOf(answer: Answer): Uint8Array {
  invariant(answer instanceof Uint8Array, "a request that is not refused has a result")
  return answer
}

const shuttingDown = "it is shutting down"

/** The path of user requests: admitted, counted, batched, appended, answered. */
const makePropose = Effect.gen(function* () {
  const engine = yield* RaftEngine
  const wrapFlag = yield* WrapFlag
  const { counters, depths } = yield* Telemetry
  const config = yield* NodeConfig
  const group = new GroupCommit<Admitted>({ ...config, batchAnswerBytesMax })
  const { admit, leave, shut } = yield* makeAdmission(group)
  depths.pendingCount = () => group.count
  depths.pendingBytes = () => group.pendingBytes
  const isWaiting = yield* Latch.make(false)

  const settle = (
    batch: ReadonlyArray<Admitted>,
    answer: (position: number) => Effect.Effect<Answer, ProposeFailure>
  ) => {
    leave(batch)
    for (const [position, { resume }] of batch.entries()) resume(answer(position))
  }
  const onEvent = (batch: ReadonlyArray<Admitted>) => (event: ProposalEvent) => {
    if (event._tag === "TermLeft") return
    if (event._tag !== "Applied") {
      counters.proposals[fateOf[event._tag]] += batch.length
      return settle(batch, () => Effect.fail(failureOf(event, config.proposalTimeoutMillis)))
    }
    const answers = answersOf(event.outcome)
    counters.proposals.applied += batch.length
    settle(batch, (position) => Effect.succeed(answers[position]!))
  }

  /** One entry per batch; returns when it is durable here, so that the next batch may form. */
  const appendBatch = Effect.suspend(() => {
    const batch = group.takeBatch()
    if (group.count === 0) isWaiting.closeUnsafe()
    const first = batch[0]
    if (first === undefined) return Effect.void
    const proposal = {
      body: bodyOf(batch),
      term: first.term,
      toBeSealed: wrapFlag.isSet(),
      onEvent: onEvent(batch)
    }
    return Effect.match(engine.propose(proposal), {
      onSuccess: () => counters.batchRequests.record(batch.length),
      onFailure: (rejection) => {
        counters.notAppended(rejection._tag, batch.length)
        settle(batch, () => Effect.fail(rejection))
      }
    })
  })
  /** What is in no batch when the loop has ended never will be. */
  const close = Effect.sync(() => {
    shut()
    for (let batch = group.takeBatch(); batch.length > 0; batch = group.takeBatch()) {
      counters.notAppended("NodeStopped", batch.length)
      settle(batch, () => Effect.fail(new NodeStopped({ reason: shuttingDown })))
    }
  })
  yield* Effect.addFinalizer(() => close)
  // A fibre of its own: the engine outlives this loop, and answers each batch that was taken.
  const appended = Effect.flatMap(
    Effect.forkDetach(appendBatch, { startImmediately: true }),
    Fiber.join
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(isWaiting.await, appended)))

  return (asked: Asked) =>
    Effect.callback<Answer, ProposeFailure>((resume) => {
      const term = admit(asked)
      if (typeof term !== "number") {
        counters.refused(term._tag)
        return resume(Effect.fail(term))
      }
      const admitted: Admitted = { ...asked, term, resume }
      group.add(admitted)
      isWaiting.openUnsafe()
      /** A caller that goes away before its request is in a batch: nothing is proposed. */
      return Effect.sync(() => {
        if (!group.withdraw(admitted)) return
        counters.proposals.withdrawn += 1
        leave([admitted])
      })
    })
})

const bodyOf = (batch: ReadonlyArray<Admitted>): Uint8Array =>
  batch[0]!.isAlone
    ? batch[0]!.request
    : Payload.encodeRequests(batch.map(({ request, session }) => ({ session, content: request })))

/** What applying a batch did, caller by caller. */
function answersOf(outcome: AppliedOutcome): ReadonlyArray<Answer> {
  if (outcome._tag === "SessionOpened" || outcome._tag === "SessionsExpired") return [outcome]
  invariant(outcome._tag === "Results", "a batch of requests has results")
  return outcome.results
}

/** A write of a session leaves its answer in the state. */
const recordedBytesOf = ({ answerBytesMax, session }: Asked): number =>
  session === undefined ? 0 : answerBytesMax

/** Who comes in, and what becomes free when they leave. */
const makeAdmission = Effect.fnUntraced(function* (group: GroupCommit<Admitted>) {
  const barrier = yield* QuiescenceBarrier
  const engine = yield* RaftEngine
  const space = yield* FreeSpace
  const report = new SpaceReport(space, yield* Telemetry)
  let isShut = false
  return {
    shut: (): void => {
      isShut = true
    },
    /** The term the request is counted in, or why it is not admitted. */
    admit: (asked: Asked): Term | ProposeRejection | SpaceLow => {
      const { request } = asked
      const recordedBytes = recordedBytesOf(asked)
      if (isShut) return new NodeStopped({ reason: shuttingDown })
      const intake = engine.intake()
      if (intake._tag === "Shut") return intake.reason
      if (!group.hasRoomFor(request.length)) {
        return new TooManyProposals({ pendingCount: group.count, pendingBytes: group.pendingBytes })
      }
      const low = space.reserve(request.length, recordedBytes)
      if (low !== undefined) {
        report.refused(low)
        return low
      }
      report.admitted()
      const { term } = intake
      if (barrier.admit({ source: "user", term })) return term
      space.release(request.length, recordedBytes)
      return new CutoverInFlight({})
    },
    /** Of one term: applied, failed for certain, or withdrawn. */
    leave: (requests: ReadonlyArray<Admitted>): void => {
      barrier.settle({ count: requests.length, term: requests[0]!.term })
      for (const each of requests) space.release(each.request.length, recordedBytesOf(each))
    }
  }
})

/** The path of the encryption administration: an entry of its own, past the barrier. */
const makeAdminister = Effect.gen(function* () {
  const engine = yield* RaftEngine
  const { proposalTimeoutMillis } = yield* NodeConfig
  const space = yield* FreeSpace
  const wrapFlag = yield* WrapFlag
  const proposed = (body: Uint8Array, { keep, term }: Administering) => {
    const settle = keep?.() ?? (() => {})
    const answered = Deferred.makeUnsafe<SidecarOutcome, ProposeFailure>()
    const refused = (failure: ProposeFailure) => {
      settle()
      Deferred.doneUnsafe(answered, Effect.fail(failure))
    }
    const onEvent = (event: ProposalEvent) => {
      settle()
      if (event._tag === "TermLeft") return
      Deferred.doneUnsafe(answered, answerOf(event, proposalTimeoutMillis))
    }
    const intake = engine.intake()
    const refusal = intake._tag === "Shut" ? intake.reason : space.refusal()
    if (refusal !== undefined) {
      refused(refusal)
      return Effect.succeed(answered)
    }
    const proposal = { body, term, toBeSealed: wrapFlag.isSet(), onEvent }
    // A fibre of its own: what becomes of the proposal is heard also when the caller has gone.
    const told = Effect.match(engine.propose(proposal), { onSuccess: () => {}, onFailure: refused })
    return Effect.as(Effect.forkDetach(told, { startImmediately: true }), answered)
  }
  return (body: Uint8Array, administering: Administering) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.suspend(() => proposed(body, administering)),
        (answered) => restore(Deferred.await(answered))
      )
    )
})

type LastEvent = Exclude<ProposalEvent, { readonly _tag: "TermLeft" }>

function answerOf(
  event: LastEvent,
  timeoutMillis: number
): Effect.Effect<SidecarOutcome, ProposeFailure> {
  if (event._tag !== "Applied") return Effect.fail(failureOf(event, timeoutMillis))
  const { outcome } = event
  invariant(outcome._tag === "Encryption", "an encryption command has its own outcome")
  return Effect.succeed(outcome.outcome)
}

type Unapplied = Exclude<LastEvent, { readonly _tag: "Applied" }>

const fateOf: Record<Unapplied["_tag"], ProposalFate> = {
  Superseded: "superseded",
  Stopped: "stopped",
  Covered: "unknown"
}

/** Whoever waits for an entry that a snapshot has covered would wait in vain. */
function failureOf(event: Unapplied, timeoutMillis: number): ProposeFailure {
  switch (event._tag) {
    case "Superseded":
      return new ProposalSuperseded({ index: event.index })
    case "Stopped":
      return new NodeStopped({ reason: event.reason })
    case "Covered":
      return new ProposalTimedOut({ timeoutMillis })
  }
}

/** Requires the engine, which tells those who still wait that it stops. */
export const layer = Layer.effect(Coordinator, make)
