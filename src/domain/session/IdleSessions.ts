/**
 * Which sessions nobody has used for so long that they may end (SPEC §7).
 *
 * Time is the leader's own: it notes when it first saw a session at its last entry. A new leader
 * starts to count anew, so a session may live longer than its time, never shorter. What must never
 * happen: a session expired that was used since; the entry that ends it names the entry it was seen
 * at, and a used one stays. Proof: `IdleSessions.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import type { IdleSession } from "../log/Payload.ts"
import type { SessionId } from "../log/Request.ts"

interface Sighting {
  readonly lastIndex: LogIndex
  readonly sinceMillis: number
}

/** Mutable: one per node; bounded by the number of sessions there may be. */
export class IdleSessions {
  private readonly idleMillis: number
  private seen = new Map<SessionId, Sighting>()

  constructor({ idleMillis }: { readonly idleMillis: number }) {
    this.idleMillis = idleMillis
  }

  /** All sessions there are, as of `nowMillis`; answers those that may end. */
  look(sessions: ReadonlyArray<IdleSession>, nowMillis: number): ReadonlyArray<IdleSession> {
    const before = this.seen
    this.seen = new Map()
    return sessions.filter(({ lastIndex, sessionId }) => {
      const known = before.get(sessionId)
      const isUnused = known?.lastIndex === lastIndex
      const sinceMillis = isUnused ? known.sinceMillis : nowMillis
      this.seen.set(sessionId, { lastIndex, sinceMillis })
      return nowMillis - sinceMillis >= this.idleMillis
    })
  }

  /** This node leads no more: what it saw says nothing about what happens now. */
  forget(): void {
    this.seen.clear()
  }
}
