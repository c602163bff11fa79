/**
 * Keeps what the clients of an episode asked for and were answered, by one clock.
 *
 * What must never happen: a write noted as refused that may be applied, or as answered before it was. Who
 * reads nothing has read nothing: a read without an answer is left out.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as KvModel from "../../test/linearizability/KvModel.ts"
import type { Answer, Call, End } from "./History.ts"
import * as Planted from "./Planted.ts"

/** After these a write was not applied and never will be (`src/domain/engine/Errors.ts`). */
export const definite: ReadonlySet<string> = new Set([
  "EndpointUnreachable",
  "NotLeader",
  "LeaderNotReady",
  "TooManyProposals",
  "SpaceLow",
  "CutoverInFlight",
  "ProposalSuperseded",
  "SessionUnknown"
])

/** Of a call that nobody has heard the end of. */
export const inFlight = "in flight"

export interface Asked {
  readonly client: string
  readonly writes: ReadonlyArray<KvModel.Input>
  readonly isInSession: boolean
}

interface Failure {
  readonly _tag: string
  readonly message: string
}

/** What a client was told once. */
export interface FailedAttempt {
  readonly client: string
  /** As in an `End`. */
  readonly reason: string
}

/** Mutable. */
export class Recorder {
  readonly calls: Array<Call> = []
  readonly failures = new Map<string, number>()
  /** Of sessions, which may have repeated what failed, so that their calls do not tell of it. */
  readonly failedAttempts: Array<FailedAttempt> = []
  /** Answered so far. */
  answered = 0
  private readonly planted: Planted.Lie
  private readonly now: () => number

  /** `now`: the clock that all of its clients share, in milliseconds. */
  constructor(planted?: Planted.PlantedLie, now = () => performance.now()) {
    this.planted = Planted.lie(planted)
    this.now = now
  }

  /** Runs the call and notes how it ended; `undefined` if there was no answer. */
  run<E extends Failure>(
    asked: Asked,
    call: Effect.Effect<Answer, E>
  ): Effect.Effect<{ readonly answer: Answer | undefined; readonly isUnknown: boolean }> {
    return Effect.gen({ self: this }, function* () {
      const invokedAt = this.now()
      // Of who is interrupted nobody hears any more: until then the outcome is open.
      const at = this.calls.length
      this.calls.push({ ...asked, invokedAt, end: { _tag: "Unknown", reason: inFlight } })
      const exit = yield* Effect.exit(this.planted.insteadOf(asked, this.calls) ?? call)
      const end: End = Exit.isSuccess(exit)
        ? {
            _tag: "Answered",
            at: this.now(),
            answer: this.planted.told(asked, exit.value, this.calls)
          }
        : this.failed(asked, exit.cause)
      this.calls[at] = { ...asked, invokedAt, end }
      if (end._tag === "Answered") this.answered += 1
      return {
        answer: end._tag === "Answered" ? end.answer : undefined,
        isUnknown: end._tag === "Unknown"
      }
    })
  }

  /** Runs one attempt of a session's call and notes how it failed, if it did. */
  attempt<A, E extends Failure>(client: string, attempt: Effect.Effect<A, E>) {
    return Effect.tapError(attempt, ({ _tag, message }) =>
      Effect.sync(() => void this.failedAttempts.push({ client, reason: `${_tag}: ${message}` }))
    )
  }

  private failed({ writes }: Asked, cause: Cause.Cause<Failure>): End {
    const failure = Cause.squash(cause) as Partial<Failure>
    const tag = failure._tag ?? "Interrupted"
    this.failures.set(tag, (this.failures.get(tag) ?? 0) + 1)
    const reason = `${tag}: ${failure.message ?? ""}`
    const isOpen = writes.length > 0 && !definite.has(tag)
    return isOpen ? { _tag: "Unknown", reason } : { _tag: "Refused", reason }
  }
}
