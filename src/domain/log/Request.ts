/**
 * One request of a client to the state machine, as a payload carries it (SPEC §7).
 *
 * The content is opaque here, because embedders bring a state machine of their own. A request with a
 * session and a sequence is applied once, however often it is proposed.
 *
 * Shape: `flag(1)`, 0x00 no session, 0x01 session, then `sessionId(16) ‖ sequence(8)` if there is one,
 * then the content. Proof: `Payload.test.ts`.
 */
import * as Schema from "effect/Schema"
import type { ByteReader } from "../bytes/ByteReader.ts"
import type { ByteWriter } from "../bytes/ByteWriter.ts"

/** 128 random bits as 32 lower-case hex digits; names a client session. */
export const SessionId = Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)).pipe(
  Schema.brand("SessionId")
)
export type SessionId = typeof SessionId.Type

/** Which write of which session; `sequence` goes up by one with each new write of the client. */
export interface SessionSequence {
  readonly sessionId: SessionId
  /** 1..2^53 − 1. */
  readonly sequence: number
}

/** A request as it travels in a payload. */
export interface Request {
  readonly session: SessionSequence | undefined
  /** What the state machine decodes. */
  readonly content: Uint8Array
}

/** Can an entry carry it? Whoever takes a sequence from outside asks: {@link write} takes no other. */
export const isSequence = (sequence: number): boolean =>
  Number.isSafeInteger(sequence) && sequence >= 1

/** The smallest request: a flag and no content. */
export const bytesMin = 1

/** Bytes of the request, the length before it in a batch excluded. */
export const bytesOf = ({ session, content }: Request): number =>
  (session === undefined ? 1 : 25) + content.length

/** Writes {@link bytesOf} bytes. */
export function write(writer: ByteWriter, { session, content }: Request): void {
  if (session === undefined) writer.u8(0)
  else writer.u8(1).hex128(session.sessionId).u64(session.sequence)
  writer.bytes(content)
}

/** Reads one request of exactly `size` bytes; the content is a view. */
export function read(reader: ByteReader, size: number): Request {
  const flag = reader.choice(0, 1, "unknownFlag")
  const headerBytes = flag === 1 ? 25 : 1
  if (size < headerBytes) reader.refuse("truncated")
  const session = flag === 1 ? readSession(reader) : undefined
  return { session, content: reader.bytes(size - headerBytes) }
}

function readSession(reader: ByteReader): SessionSequence {
  const sessionId = reader.hex128() as SessionId
  const sequence = reader.u64()
  return { sessionId, sequence }
}
