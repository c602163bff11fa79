import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { GroupId, LogIndex } from "../../../src/domain/Ids.ts"
import { SessionId } from "../../../src/domain/log/Request.ts"
import * as SessionRecord from "../../../src/domain/session/SessionRecord.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"

const groupId = GroupId.make(1)
const sessionId = SessionId.make("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
const index = (value: number) => LogIndex.make(value)

// Fields by hand from the layout in SessionRecord.ts; checksums: Python's zlib.crc32(b"sessions/" + the
// hex digits of the key + b"\0" + 0001 + the bytes before it).
const count = hex("01 00000003 b676abb6")
const session = {
  key: hex("01 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"),
  value: hex("01 0000000102030405 0000000000000007 00000002 0000005a 6a806825"),
  is: { lastIndex: index(0x0102030405), floor: 7, resultCount: 2, resultBytes: 90 }
}
const result = {
  key: hex("02 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf 0000000102030405"),
  value: hex("01 00 0000000000000a0b 00000003 726573 a0a0abb7"),
  is: { index: index(0x0a0b), position: 3, isSealed: false, bytes: Buffer.from("res") }
}

describe("SessionRecord", () => {
  it("is the golden bytes", () => {
    expect(SessionRecord.encodeCount(groupId, 3)).toEqual(count)
    expect(SessionRecord.sessionKey(sessionId)).toEqual(session.key)
    expect(SessionRecord.encodeSession(groupId, session.key, session.is)).toEqual(session.value)
    expect(SessionRecord.resultKey({ sessionId, sequence: 0x0102030405 })).toEqual(result.key)
    expect(SessionRecord.sequenceOf(result.key)).toBe(0x0102030405)
    expect(SessionRecord.encodeResult(groupId, result.key, result.is)).toEqual(result.value)
    expect(Result.getOrThrow(SessionRecord.decodeSession(groupId, session))).toEqual(session.is)
    expect(Result.getOrThrow(SessionRecord.decodeResult(groupId, result))).toEqual(result.is)
    expect(Result.getOrThrow(SessionRecord.decodeCount(groupId, count))).toBe(3)
  })

  it("is corruption with a flipped bit, under another key, or in another group", () => {
    for (const { changed: value } of flippedBits(result.value)) {
      const decoded = SessionRecord.decodeResult(groupId, { key: result.key, value })
      expect(failureOf(decoded)).toMatchObject({ _tag: "RecordCorrupted" })
    }
    const key = SessionRecord.resultKey({ sessionId, sequence: 1 })
    const elsewhere = SessionRecord.decodeResult(groupId, { key, value: result.value })
    expect(failureOf(elsewhere)).toMatchObject({ reason: "checksumMismatch" })
    const other = SessionRecord.decodeSession(GroupId.make(2), session)
    expect(failureOf(other)).toMatchObject({ reason: "checksumMismatch" })
  })
})

describeTotalDecoder("session record", {
  decode: (value) => SessionRecord.decodeSession(groupId, { key: session.key, value }),
  valid: [session.value],
  failures: ["RecordCorrupted"],
  encode: (decoded) => SessionRecord.encodeSession(groupId, session.key, decoded),
  isDelimited: true
})

describeTotalDecoder("recorded result", {
  decode: (value) => SessionRecord.decodeResult(groupId, { key: result.key, value }),
  valid: [result.value],
  failures: ["RecordCorrupted"],
  encode: (decoded) => SessionRecord.encodeResult(groupId, result.key, decoded)
})
