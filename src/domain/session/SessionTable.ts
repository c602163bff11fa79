/**
 * Client sessions: the part of the replicated state by which a repeated write is answered and not
 * applied again (SPEC §7; Raft thesis §6.3).
 *
 * Every write of a session has a sequence. Its result is recorded in the commit that applies it, and
 * found again when the same sequence is proposed a second time, by whatever leader. The last results
 * of a session are kept; what is older is forgotten, and a write of that age is refused, because
 * nobody can tell whether it was applied.
 * What must never happen: a sequence applied twice; a result forgotten whose sequence is not below
 * the floor; a decision that is not the same on every replica. Proof: `SessionTable.test.ts`, against
 * a map.
 */
import * as Result from "effect/Result"
import type { KeyLookup } from "../encryption/Envelope.ts"
import * as Sidecar from "../encryption/SidecarState.ts"
import type { GroupId, LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { ValueCorrupted } from "../kv/Errors.ts"
import * as Span from "../kv/Span.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import type { IdleSession } from "../log/Payload.ts"
import type { SessionId, SessionSequence } from "../log/Request.ts"
import type { Row, StateReader, StateTransaction } from "../state/StateTransaction.ts"
import { SequenceForgotten, SessionUnknown, TooManySessions } from "./Errors.ts"
import * as ResultEnvelope from "./ResultEnvelope.ts"
import * as SessionRecord from "./SessionRecord.ts"

/** What became of opening one. */
export type OpenOutcome =
  | { readonly _tag: "Opened" }
  /** It was there: who opens it repeats itself. */
  | { readonly _tag: "AlreadyOpen" }
  | { readonly _tag: "Refused"; readonly refusal: TooManySessions }

/** What is known of a write. */
export type Known =
  | { readonly _tag: "New"; readonly session: SessionRecord.Session }
  | { readonly _tag: "Repeated"; readonly result: Uint8Array }
  | { readonly _tag: "Refused"; readonly refusal: SessionUnknown | SequenceForgotten }

/** What sealing and opening results takes, as of the entry being applied. */
export interface Context {
  readonly groupId: GroupId
  readonly keys: KeyLookup
  readonly sidecar: Sidecar.SidecarState
}

/** Throws `RecordCorrupted`. */
export function open(
  transaction: StateTransaction,
  groupId: GroupId,
  { index, sessionId }: { readonly sessionId: SessionId; readonly index: LogIndex }
): OpenOutcome {
  const key = SessionRecord.sessionKey(sessionId)
  if (transaction.get("sessions", key) !== undefined) return { _tag: "AlreadyOpen" }
  const count = countOf(transaction, groupId)
  if (count >= Limits.sessionsMax) {
    const { sessionsMax } = Limits
    return { _tag: "Refused", refusal: new TooManySessions({ sessionsMax }) }
  }
  const fresh = { lastIndex: index, floor: 0, resultCount: 0, resultBytes: 0 }
  transaction.put("sessions", key, SessionRecord.encodeSession(groupId, key, fresh))
  putCount(transaction, groupId, count + 1)
  return { _tag: "Opened" }
}

/**
 * Ends these sessions and forgets their results, except those that were used since; returns how many
 * were ended. Throws `RecordCorrupted`.
 */
export function expire(
  transaction: StateTransaction,
  groupId: GroupId,
  sessions: ReadonlyArray<IdleSession>
): number {
  let expired = 0
  for (const { lastIndex, sessionId } of sessions) {
    if (sessionOf(transaction, groupId, sessionId)?.lastIndex !== lastIndex) continue
    for (const row of resultsOf(transaction, sessionId, undefined)) {
      transaction.remove("sessions", row.key)
    }
    transaction.remove("sessions", SessionRecord.sessionKey(sessionId))
    expired += 1
  }
  if (expired > 0) putCount(transaction, groupId, countOf(transaction, groupId) - expired)
  return expired
}

/** Throws `RecordCorrupted` and `ValueCorrupted`. */
export function find(reader: StateReader, context: Context, write: SessionSequence): Known {
  const { sequence, sessionId } = write
  const session = sessionOf(reader, context.groupId, sessionId)
  if (session === undefined) return { _tag: "Refused", refusal: new SessionUnknown({ sessionId }) }
  const { floor } = session
  if (sequence <= floor) {
    return { _tag: "Refused", refusal: new SequenceForgotten({ sessionId, sequence, floor }) }
  }
  const key = SessionRecord.resultKey(write)
  const value = reader.get("sessions", key)
  if (value === undefined) return { _tag: "New", session }
  const stored = decoded(SessionRecord.decodeResult(context.groupId, { key, value }))
  return { _tag: "Repeated", result: resultOf(stored, context, write) }
}

/** Records the result of a write that {@link find} has called new, in the same transaction. */
export function record(
  transaction: StateTransaction,
  context: Context,
  write: SessionSequence & {
    readonly session: SessionRecord.Session
    readonly place: SessionRecord.Place
    readonly result: Uint8Array
  }
): void {
  const { groupId } = context
  const { place, result, sequence, session, sessionId } = write
  const key = SessionRecord.resultKey(write)
  const stored = { ...place, ...sealedIfDue(context, { ...place, sequence, sessionId }, result) }
  const bytes = SessionRecord.encodeResult(groupId, key, stored)
  transaction.put("sessions", key, bytes)
  const grown = {
    lastIndex: place.index,
    floor: session.floor,
    resultCount: session.resultCount + 1,
    resultBytes: session.resultBytes + bytes.length
  }
  const sessionKey = SessionRecord.sessionKey(sessionId)
  const kept = forgetOldest(transaction, sessionId, grown)
  transaction.put("sessions", sessionKey, SessionRecord.encodeSession(groupId, sessionKey, kept))
}

/** The sessions in order of their ids, behind `after`; for the leader, who expires idle ones. */
export function list(
  reader: StateReader,
  groupId: GroupId,
  { after, limit }: { readonly after: SessionId | undefined; readonly limit: number }
): ReadonlyArray<IdleSession> {
  const from =
    after === undefined ? Buffer.from([0x01]) : Span.behind(SessionRecord.sessionKey(after))
  const rows = reader.range("sessions", { from, until: Buffer.from([0x02]), limit })
  return rows.map((row) => ({
    sessionId: Buffer.from(row.key).toString("hex", 1) as SessionId,
    lastIndex: decoded(SessionRecord.decodeSession(groupId, row)).lastIndex
  }))
}

/** The newest result always stays. */
function forgetOldest(
  transaction: StateTransaction,
  sessionId: SessionId,
  session: SessionRecord.Session
): SessionRecord.Session {
  const { sessionResultBytesMax, sessionResultsMax } = Limits
  let { floor, resultBytes, resultCount } = session
  while (
    resultCount > 1 &&
    (resultCount > sessionResultsMax || resultBytes > sessionResultBytesMax)
  ) {
    const [oldest] = resultsOf(transaction, sessionId, 1)
    invariant(oldest !== undefined, "a session counts the results it has")
    transaction.remove("sessions", oldest.key)
    floor = SessionRecord.sequenceOf(oldest.key)
    resultCount -= 1
    resultBytes -= oldest.value.length
  }
  return { ...session, floor, resultBytes, resultCount }
}

/** In order of their sequences. */
function resultsOf(
  reader: StateReader,
  sessionId: SessionId,
  limit: number | undefined
): ReadonlyArray<Row> {
  const from = SessionRecord.resultKey({ sessionId, sequence: 0 })
  const last = SessionRecord.resultKey({ sessionId, sequence: Number.MAX_SAFE_INTEGER })
  const until = Span.behind(last)
  return reader.range("sessions", { from, until, limit })
}

function sealedIfDue(
  { groupId, keys, sidecar }: Context,
  binding: Omit<ResultEnvelope.Binding, "groupId">,
  result: Uint8Array
): Pick<SessionRecord.StoredResult, "isSealed" | "bytes"> {
  if (!isDue(sidecar, binding.index)) return { isSealed: false, bytes: result }
  const key = keys(sidecar.active.storage)
  invariant(key !== undefined, "the active storage DEK is in the keystore")
  return { isSealed: true, bytes: ResultEnvelope.seal(key, { ...binding, groupId }, result) }
}

function resultOf(
  stored: SessionRecord.StoredResult,
  { groupId, keys, sidecar }: Context,
  { sequence, sessionId }: SessionSequence
): Uint8Array {
  const { bytes, index, isSealed, position } = stored
  const corrupted = (reason: ValueCorrupted["reason"]) =>
    new ValueCorrupted({ groupId, revision: 0, reason })
  if (!isSealed) {
    if (isDue(sidecar, index)) throw corrupted("notSealed")
    return Buffer.from(bytes)
  }
  const binding = { groupId, index, position, sequence, sessionId }
  const opened = ResultEnvelope.open(keys, binding, bytes)
  if (Result.isFailure(opened)) throw corrupted(opened.failure.reason)
  return opened.success
}

/** Results are sealed from the entry on that enabled the storage envelope. */
const isDue = (sidecar: Sidecar.SidecarState, index: LogIndex): boolean =>
  Sidecar.phase(sidecar) >= 1 && index > sidecar.storageEnvelopeIndex

function sessionOf(
  reader: StateReader,
  groupId: GroupId,
  sessionId: SessionId
): SessionRecord.Session | undefined {
  const key = SessionRecord.sessionKey(sessionId)
  const value = reader.get("sessions", key)
  if (value === undefined) return undefined
  return decoded(SessionRecord.decodeSession(groupId, { key, value }))
}

function countOf(reader: StateReader, groupId: GroupId): number {
  const record = reader.get("sessions", SessionRecord.countKey)
  return record === undefined ? 0 : decoded(SessionRecord.decodeCount(groupId, record))
}

function putCount(transaction: StateTransaction, groupId: GroupId, count: number): void {
  invariant(count >= 0 && count <= Limits.sessionsMax, "sessions are counted as they are")
  transaction.put("sessions", SessionRecord.countKey, SessionRecord.encodeCount(groupId, count))
}

function decoded<A>(record: Result.Result<A, RecordCorrupted>): A {
  if (Result.isFailure(record)) throw record.failure
  return record.success
}
