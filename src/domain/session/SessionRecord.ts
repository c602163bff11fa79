/**
 * The records of the table `sessions` (SPEC §7, §8): how many sessions there are, each session, and
 * the recorded result of each of its last writes.
 *
 * Each record is checksummed together with its key. Proof: `SessionRecord.test.ts`.
 *
 * Shapes, before the checksum:
 * - key `0x00`: `version 0x01 ‖ count(4)`
 * - key `0x01 ‖ sessionId(16)`: `version 0x01 ‖ lastIndex(8) ‖ floor(8) ‖ resultCount(4) ‖
 *   resultBytes(4)`
 * - key `0x02 ‖ sessionId(16) ‖ sequence(8)`: `version 0x01 ‖ flags(1) ‖ index(8) ‖ position(4) ‖
 *   bytes`; flags 0 plaintext, 1 sealed
 */
import type * as Result from "effect/Result"
import { asBuffer, ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import type { SessionId, SessionSequence } from "../log/Request.ts"
import type { Row } from "../state/StateTransaction.ts"

/** What is remembered of a session beside its results. */
export interface Session {
  /** Of the last entry that opened it or wrote with it: says how long it has been idle. */
  readonly lastIndex: LogIndex
  /** Of a write up to this sequence nobody remembers whether it was applied. */
  readonly floor: number
  /** Results recorded, all above the floor, and their bytes. */
  readonly resultCount: number
  readonly resultBytes: number
}

/** Where in the log a write was applied: unique to it, because committed entries stay. */
export interface Place {
  readonly index: LogIndex
  /** The 0-based number of the request in its entry. */
  readonly position: number
}

/** The recorded answer of one write. */
export interface StoredResult extends Place {
  readonly isSealed: boolean
  /** The result, or its envelope. */
  readonly bytes: Uint8Array
}

type Decoded<A> = Result.Result<A, RecordCorrupted>

const version = 0x01
const prefixes = { count: 0x00, session: 0x01, result: 0x02 } as const
const resultHeaderBytes = 14

export const countKey: Uint8Array = Buffer.from([prefixes.count])

export const sessionKey = (sessionId: SessionId): Buffer =>
  ByteWriter.allocate(17).u8(prefixes.session).hex128(sessionId).done()

export const resultKey = ({ sequence, sessionId }: SessionSequence): Buffer =>
  ByteWriter.allocate(25).u8(prefixes.result).hex128(sessionId).u64(sequence).done()

/** The sequence in the key of a result. */
export function sequenceOf(key: Uint8Array): number {
  invariant(key.length === 25 && key[0] === prefixes.result, "this is the key of a result")
  const bytes = asBuffer(key)
  return bytes.readUInt32BE(17) * 2 ** 32 + bytes.readUInt32BE(21)
}

export const encodeCount = (groupId: GroupId, count: number): Buffer =>
  Record.encode(identityOf(groupId, countKey), ByteWriter.allocate(5).u8(version).u32(count).done())

export const decodeCount = (groupId: GroupId, record: Uint8Array): Decoded<number> =>
  Record.decodeAs(identityOf(groupId, countKey), record, (body) => {
    const reader = new ByteReader("count of sessions", body)
    reader.version(version)
    return reader.end(reader.u32())
  })

export function encodeSession(groupId: GroupId, key: Uint8Array, session: Session): Buffer {
  const { floor, lastIndex, resultBytes, resultCount } = session
  const body = ByteWriter.allocate(25).u8(version).u64(lastIndex).u64(floor)
  return Record.encode(identityOf(groupId, key), body.u32(resultCount).u32(resultBytes).done())
}

export const decodeSession = (groupId: GroupId, { key, value }: Row): Decoded<Session> =>
  Record.decodeAs(identityOf(groupId, key), value, (body) => {
    const reader = new ByteReader("session", body)
    reader.version(version)
    const lastIndex = reader.u64() as LogIndex
    const floor = reader.u64()
    const resultCount = reader.u32()
    return reader.end({ lastIndex, floor, resultCount, resultBytes: reader.u32() })
  })

export function encodeResult(groupId: GroupId, key: Uint8Array, result: StoredResult): Buffer {
  const { bytes, index, isSealed, position } = result
  const body = ByteWriter.allocate(resultHeaderBytes + bytes.length).u8(version)
  const header = body
    .u8(isSealed ? 1 : 0)
    .u64(index)
    .u32(position)
  return Record.encode(identityOf(groupId, key), header.bytes(bytes).done())
}

/** The bytes are a view of the value. */
export const decodeResult = (groupId: GroupId, { key, value }: Row): Decoded<StoredResult> =>
  Record.decodeAs(identityOf(groupId, key), value, (body) => {
    const reader = new ByteReader("recorded result", body)
    reader.version(version)
    const isSealed = reader.choice(0, 1, "unknownFlag") === 1
    const index = reader.u64() as LogIndex
    const position = reader.u32()
    return reader.end({ isSealed, index, position, bytes: reader.rest() })
  })

const identityOf = (groupId: GroupId, key: Uint8Array): Record.Identity => ({
  label: `sessions/${asBuffer(key).toString("hex")}`,
  groupId
})
