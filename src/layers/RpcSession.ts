/**
 * Writes through a client that are applied exactly once, whatever becomes of connections and leaders
 * meanwhile (SPEC §7).
 *
 * Each write has a sequence of a session, and is repeated under it until it is answered or its time is
 * over: the node recognises what it has applied. What must never happen: a write repeated under another
 * sequence after it may have been applied; a sequence handed out so far above an open one
 * that this may be forgotten for the number of results between them.
 * Proof: `test/layers/RpcSession.test.ts`, `test/e2e/ExactlyOnce.test.ts`.
 */
import { randomBytes } from "node:crypto"

import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { WriteOutcomeUnknown } from "../domain/api/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import { SessionId, type SessionSequence } from "../domain/log/Request.ts"
import type { TxnOptions } from "../services/KvStore.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import type { Client } from "./RpcClientSocket.ts"

export interface Options {
  /** How long one write is repeated, its wait for a sequence included; it is tried once at least. */
  readonly deadlineMillis?: number
}

/** After these the write may be applied. */
const isOpen = (tag: string): boolean =>
  tag === "ConnectionLost" ||
  tag === "LeaderLost" ||
  tag === "ProposalTimedOut" ||
  tag === "NodeStopped"

/** After these it is not, and another attempt may do better. */
const isForNow = (tag: string): boolean =>
  tag === "EndpointUnreachable" ||
  tag === "NotLeader" ||
  tag === "LeaderNotReady" ||
  tag === "CutoverInFlight" ||
  tag === "TooManyProposals" ||
  tag === "ProposalSuperseded"

const pauseMillis = { min: 10, max: 500 }
/** Sessions that one write tries: where each of them expires at once, another one is no help. */
const sessionsPerWriteMax = 3
/**
 * Half of what the node remembers. Open sequences are less than this apart, so that none is forgotten
 * for the number of results above it; by the bytes of these it may be (SPEC §7).
 */
const writesInFlightMax = Limits.sessionResultsMax / 2

interface Failure {
  readonly _tag: string
  readonly message: string
}

type Attempt<A, E> = (session: SessionSequence) => Effect.Effect<A, E>

/** Mutable: a session and the window of its sequences. */
class Session {
  readonly id = SessionId.make(randomBytes(16).toString("hex"))
  isOpened = false
  private lastSequence = 0
  private readonly turn = Semaphore.makeUnsafe(1)
  /** An open sequence holds the place at its remainder, so none 64 above it is handed out. */
  private readonly places = Array.from({ length: writesInFlightMax }, () => Semaphore.makeUnsafe(1))

  /**
   * The next sequence, open until the scope closes. Sequences are handed out in turn and without a gap:
   * when one is, the sequence 64 below it is closed, and those before had to be for its predecessors.
   *
   * Who waits here waits for open writes as one waits for a permit: each of them has a deadline, and who
   * waits is first in, first out. Who is interrupted has taken no sequence, or closes it.
   */
  readonly next = Effect.suspend(() => {
    const sequence = this.lastSequence + 1
    const place = this.places[sequence % writesInFlightMax]
    invariant(place !== undefined, "a remainder is the index of a place")
    return Effect.map(place.takeScoped(1), (): SessionSequence => {
      this.lastSequence = sequence
      return { sessionId: this.id, sequence }
    })
  }).pipe(this.turn.withPermits(1))
}

/** What a session needs of a client. */
export type Writing = Pick<Client, "put" | "delete" | "txn" | "openSession">

/** A client whose writes are repeated safely. Fails with `WriteOutcomeUnknown` where that did not help. */
export const make = Effect.fnUntraced(function* (client: Writing, options: Options = {}) {
  const deadlineMillis = options.deadlineMillis ?? 30_000
  const inFlight = yield* Semaphore.make(writesInFlightMax)
  const opening = yield* Semaphore.make(1)
  let current = new Session()

  /** The session to write with, opened if it is not. */
  const opened = Effect.suspend(() => {
    const session = current
    if (session.isOpened) return Effect.succeed(session)
    return Effect.map(client.openSession(session.id), () => {
      session.isOpened = true
      return session
    })
  }).pipe(opening.withPermits(1))

  /** The session has expired: the next write opens another one. */
  const replace = (expired: Session) => {
    if (current === expired) current = new Session()
  }

  const once = <A, E extends Failure>(attempt: Attempt<A, E>) =>
    Effect.gen(function* () {
      const repeated = yield* makeRepeated(deadlineMillis)
      for (let tried = 1; ; tried += 1) {
        const session = yield* repeated(opened, { leavesOpen: false })
        const result = yield* session.next.pipe(
          Effect.flatMap((write) => repeated(attempt(write), { leavesOpen: true })),
          Effect.scoped,
          Effect.result
        )
        if (result._tag === "Success") return result.success
        const { failure } = result
        // Of an attempt whose outcome is open it would not be certain that nothing was applied.
        if (failure._tag !== "SessionUnknown") return yield* Effect.fail(failure)
        replace(session)
        if (tried === sessionsPerWriteMax) return yield* Effect.fail(failure)
      }
    }).pipe(inFlight.withPermits(1))

  return {
    put: (key: string | Uint8Array, value: string | Uint8Array) =>
      once((session) => client.put(key, value, { session })),
    delete: (key: string | Uint8Array) => once((session) => client.delete(key, { session })),
    txn: (txn: TxnOptions) => once((session) => client.txn({ ...txn, session }))
  }
})

/**
 * Repeats attempts for one write until a common deadline. `SessionUnknown` is handed on only if no
 * attempt was left open; of one that opens a session none ever is.
 */
const makeRepeated = Effect.fnUntraced(function* (deadlineMillis: number) {
  const deadline = (yield* MonotonicClock.nowMillis) + deadlineMillis
  return <A, E extends Failure>(
    attempt: Effect.Effect<A, E>,
    { leavesOpen }: { readonly leavesOpen: boolean }
  ): Effect.Effect<A, E | WriteOutcomeUnknown> =>
    Effect.gen(function* () {
      let mayBeApplied = false
      for (let pause = pauseMillis.min; ; pause = Math.min(2 * pause, pauseMillis.max)) {
        const result = yield* Effect.result(attempt)
        if (result._tag === "Success") return result.success
        const { failure } = result
        mayBeApplied ||= leavesOpen && isOpen(failure._tag)
        const isLast = (yield* MonotonicClock.nowMillis) + pause > deadline
        const isHopeless = !isOpen(failure._tag) && !isForNow(failure._tag)
        if (isLast || isHopeless) {
          if (!mayBeApplied) return yield* Effect.fail(failure)
          return yield* new WriteOutcomeUnknown({
            afterMillis: deadlineMillis,
            cause: failure.message
          })
        }
        yield* Effect.sleep(pause)
      }
    })
})
