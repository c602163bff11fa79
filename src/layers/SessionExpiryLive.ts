/**
 * The leader's housekeeping of client sessions: those that were idle for too long are ended by an entry
 * of the log, on every replica alike (SPEC §7).
 *
 * What must never happen: a session ended by a clock at apply; a node that stops because a session
 * could not be ended, which the next look makes good. Proof: `test/layers/SessionExpiry.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { IdleSession } from "../domain/log/Payload.ts"
import { IdleSessions } from "../domain/session/IdleSessions.ts"
import * as SessionTable from "../domain/session/SessionTable.ts"
import { Coordinator } from "../services/Coordinator.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { StateStore } from "../services/StateStore.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import { attempt } from "./SynchronousFailure.ts"

/** Sessions read at a time, so that the loop of the node is not held up. */
const pageSessions = 256

const make = Effect.gen(function* () {
  const coordinator = yield* Coordinator
  const engine = yield* RaftEngine
  const { sessionIdleMillis, sessionScanMillis } = yield* NodeConfig
  const sessions = yield* makeList
  const idle = new IdleSessions({ idleMillis: sessionIdleMillis })

  const look = Effect.gen(function* () {
    if (engine.intake()._tag === "Shut") return idle.forget()
    const ended = idle.look(yield* sessions, yield* MonotonicClock.nowMillis)
    if (ended.length > 0) yield* coordinator.expireSessions(ended)
  })
  // Refused for now, or a record that is damaged: whoever uses that session is told.
  const patient = Effect.catch(look, (cause) => Effect.logDebug("sessions stay for now", cause))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(sessionScanMillis), patient)))
})

/** All sessions, in pages. */
const makeList = Effect.gen(function* () {
  const { reader } = yield* StateStore
  const { groupId } = yield* Opening
  return Effect.gen(function* () {
    const found: Array<IdleSession> = []
    for (;;) {
      const after = found.at(-1)?.sessionId
      const page = yield* attempt(() =>
        SessionTable.list(reader, groupId, { after, limit: pageSessions })
      )
      found.push(...page)
      if (page.length < pageSessions) return found
      yield* Effect.yieldNow
    }
  })
})

export const layer = Layer.effectDiscard(make)
