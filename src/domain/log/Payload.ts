/**
 * The state-machine command inside a proposal; its first byte is the opcode (SPEC §7).
 *
 * Shapes:
 * - `0x00` one request of a client (see {@link Request})
 * - `0x01` a batch: `count(4)`, then `length(4) ‖ request` each; at least one
 * - `0x02`, `0x03` reserved
 * - `0x04`, `0x05` the commands of `encryption/Command`
 * - `0x06` client session: `0x01 ‖ sessionId(16)` open; `0x02 ‖ count(4)`, then `sessionId(16) ‖
 *   lastIndex(8)` each, expire
 *
 * An opcode or sub-tag this release does not know is `UnknownOpcode`, apart from `Malformed`: it means a
 * newer writer. Both halt apply (SPEC §11). What must never happen here: a sealed body decoded as a
 * payload; only the index says what a body is. Proof: `Payload.test.ts`.
 */
import * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Malformed } from "../bytes/Errors.ts"
import * as Command from "../encryption/Command.ts"
import type { LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { UnknownOpcode } from "./Errors.ts"
import * as Request from "./Request.ts"

/** What clients ask of the state machine; a single request is a list of one. */
export interface Requests {
  readonly _tag: "Requests"
  readonly requests: ReadonlyArray<Request.Request>
}

/** A client asks for its writes to be recognised when it repeats them. */
export interface OpenSession {
  readonly _tag: "OpenSession"
  readonly sessionId: Request.SessionId
}

/** A session, and the last entry that wrote with it when somebody looked. */
export interface IdleSession {
  readonly sessionId: Request.SessionId
  readonly lastIndex: LogIndex
}

/** The leader ends sessions that were idle for too long; one that was used since then stays. */
export interface ExpireSessions {
  readonly _tag: "ExpireSessions"
  readonly sessions: ReadonlyArray<IdleSession>
}

/** Dispatch by `_tag`; the encryption commands are variants of their own. */
export type Payload = Requests | Command.Command | OpenSession | ExpireSessions

const opcodes = { request: 0x00, batch: 0x01, session: 0x06, ...Command.opcodes } as const
const subTags = { open: 1, expire: 2 } as const
const idleSessionBytes = 24

/** One allocation. What is out of bounds is a bug of the caller. */
export function encode(payload: Payload): Buffer {
  switch (payload._tag) {
    case "Requests":
      return encodeRequests(payload.requests)
    case "OpenSession":
      return ByteWriter.allocate(18)
        .u8(opcodes.session)
        .u8(subTags.open)
        .hex128(payload.sessionId)
        .done()
    case "ExpireSessions": {
      const { sessions } = payload
      const writer = ByteWriter.allocate(6 + idleSessionBytes * sessions.length)
      writer.u8(opcodes.session).u8(subTags.expire).u32(sessions.length)
      for (const { lastIndex, sessionId } of sessions) writer.hex128(sessionId).u64(lastIndex)
      return writer.done()
    }
    default:
      return Command.encode(payload)
  }
}

/** At least one; a batch of one is written as a single request. One allocation. */
export function encodeRequests(requests: ReadonlyArray<Request.Request>): Buffer {
  const first = requests[0]
  invariant(first !== undefined, "a payload of requests has at least one")
  if (requests.length === 1) {
    const writer = ByteWriter.allocate(1 + Request.bytesOf(first)).u8(opcodes.request)
    Request.write(writer, first)
    return writer.done()
  }
  let size = 5
  for (const request of requests) size += 4 + Request.bytesOf(request)
  const writer = ByteWriter.allocate(size).u8(opcodes.batch).u32(requests.length)
  for (const request of requests) {
    writer.u32(Request.bytesOf(request))
    Request.write(writer, request)
  }
  return writer.done()
}

/** Contents and wrapped keys are views of `body`. */
export function decode(body: Uint8Array): Result.Result<Payload, Malformed | UnknownOpcode> {
  switch (body[0]) {
    case opcodes.request:
      return decodeRequest(body)
    case opcodes.batch:
      return decodeBatch(body)
    case opcodes.session:
      return decodeSession(body)
    default:
      return Command.decode(body)
  }
}

function decodeRequest(body: Uint8Array): Decoded<Payload> {
  const reader = new ByteReader("request", body)
  reader.u8()
  return reader.end({ _tag: "Requests", requests: [Request.read(reader, reader.remaining)] })
}

function decodeBatch(body: Uint8Array): Decoded<Payload> {
  const reader = new ByteReader("batch of requests", body)
  reader.u8()
  const count = reader.count("u32", 4 + Request.bytesMin)
  if (count === 0) reader.refuse("outOfRange")
  const requests: Array<Request.Request> = []
  for (let read = 0; read < count && !reader.isRefused; read++) {
    const size = reader.within("u32", Request.bytesMin, reader.remaining)
    requests.push(Request.read(reader, size))
  }
  return reader.end({ _tag: "Requests", requests })
}

function decodeSession(body: Uint8Array): Result.Result<Payload, Malformed | UnknownOpcode> {
  const reader = new ByteReader("client session", body)
  reader.u8()
  if (reader.remaining === 0) return reader.refused("truncated")
  const subTag = reader.u8()
  switch (subTag) {
    case subTags.open:
      return reader.end({ _tag: "OpenSession", sessionId: readSessionId(reader) })
    case subTags.expire: {
      const count = reader.count("u32", idleSessionBytes)
      const sessions: Array<IdleSession> = []
      for (let read = 0; read < count; read++) {
        const sessionId = readSessionId(reader)
        sessions.push({ sessionId, lastIndex: reader.u64() as LogIndex })
      }
      return reader.end({ _tag: "ExpireSessions", sessions })
    }
    default:
      return Result.fail(new UnknownOpcode({ opcode: opcodes.session, subTag }))
  }
}

const readSessionId = (reader: ByteReader): Request.SessionId =>
  reader.hex128() as Request.SessionId
