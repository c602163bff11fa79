import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { KeyId, LogIndex } from "../../../src/domain/Ids.ts"
import * as Payload from "../../../src/domain/log/Payload.ts"
import * as Request from "../../../src/domain/log/Request.ts"
import { bytesOf, describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"

const session = {
  sessionId: Request.SessionId.make("000102030405060708090a0b0c0d0e0f"),
  sequence: 0x0102
}
const plain = { session: undefined, content: Buffer.from("ab") }
const withSession = { session, content: Buffer.from("c") }

// Written by hand from the layout in Payload.ts and Request.ts.
const golden = {
  one: hex("00 00 6162"),
  oneWithSession: hex("00 01 000102030405060708090a0b0c0d0e0f 0000000000000102 63"),
  batch: hex(`01 00000002
    00000003 00 6162
    0000001a 01 000102030405060708090a0b0c0d0e0f 0000000000000102 63`),
  open: hex("06 01 000102030405060708090a0b0c0d0e0f"),
  expire: hex(`06 02 00000002
    000102030405060708090a0b0c0d0e0f 0000000000000007
    101112131415161718191a1b1c1d1e1f 0000000100000002`),
  marker: hex("05 05 01020304")
}
const other = Request.SessionId.make("101112131415161718191a1b1c1d1e1f")
const idle = [
  { sessionId: session.sessionId, lastIndex: LogIndex.make(7) },
  { sessionId: other, lastIndex: LogIndex.make(0x0000000100000002) }
]
const raftKeyId = KeyId.make(0x01020304)

const request = Schema.Struct({
  session: Schema.UndefinedOr(
    Schema.Struct({ sessionId: Request.SessionId, sequence: int(0, Number.MAX_SAFE_INTEGER) })
  ),
  content: Schema.Uint8Array
})

describe("Payload", () => {
  it("is the golden bytes", () => {
    const { encode } = Payload
    expect(encode({ _tag: "Requests", requests: [plain] })).toEqual(golden.one)
    expect(encode({ _tag: "Requests", requests: [withSession] })).toEqual(golden.oneWithSession)
    expect(encode({ _tag: "Requests", requests: [plain, withSession] })).toEqual(golden.batch)
    expect(encode({ _tag: "OpenSession", sessionId: session.sessionId })).toEqual(golden.open)
    expect(encode({ _tag: "ExpireSessions", sessions: idle })).toEqual(golden.expire)
    expect(encode({ _tag: "EnableRaftEnvelope", raftKeyId })).toEqual(golden.marker)
  })

  it("reads the golden bytes", () => {
    const decode = (bytes: Uint8Array) => Result.getOrThrow(Payload.decode(bytes))
    expect(decode(golden.one)).toEqual({ _tag: "Requests", requests: [plain] })
    expect(decode(golden.batch)).toEqual({ _tag: "Requests", requests: [plain, withSession] })
    expect(decode(golden.open)).toEqual({ _tag: "OpenSession", sessionId: session.sessionId })
    expect(decode(golden.expire)).toEqual({ _tag: "ExpireSessions", sessions: idle })
    expect(decode(golden.marker)).toEqual({ _tag: "EnableRaftEnvelope", raftKeyId })
  })

  it.prop(
    "round-trips requests",
    { first: request, more: Schema.Array(request) },
    ({ first, more }) => {
      const requests = [first, ...more]
      const read = Result.getOrThrow(Payload.decode(Payload.encodeRequests(requests)))
      expect(read._tag).toBe("Requests")
      if (read._tag !== "Requests") return
      expect(
        read.requests.map(({ content, session }) => ({ session, content: bytesOf(content) }))
      ).toEqual(requests)
    },
    { arbitrary: { runs: 200, seed: 16 } }
  )

  it("says of every opcode it does not know that it is unknown, not malformed", () => {
    const known = [0x00, 0x01, 0x04, 0x05, 0x06]
    for (let opcode = 0; opcode < 256; opcode++) {
      const read = Payload.decode(Uint8Array.of(opcode, 0, 0, 0))
      const failure = known.includes(opcode) ? undefined : failureOf(read)
      if (failure !== undefined) expect(failure).toMatchObject({ _tag: "UnknownOpcode", opcode })
    }
  })

  it("says of every sub-tag it does not know that it is unknown, not malformed", () => {
    for (const [opcode, known] of [
      [0x05, [1, 2, 3, 4, 5]],
      [0x06, [1, 2]]
    ] as const) {
      for (let subTag = 0; subTag < 256; subTag++) {
        const failure = failureOf(Payload.decode(Uint8Array.of(opcode, subTag)))
        const isKnown = (known as ReadonlyArray<number>).includes(subTag)
        expect(failure).toMatchObject(
          isKnown ? { _tag: "Malformed" } : { _tag: "UnknownOpcode", opcode, subTag }
        )
      }
      expect(failureOf(Payload.decode(Uint8Array.of(opcode)))).toMatchObject({
        _tag: "Malformed",
        reason: "truncated"
      })
    }
  })

  it("refuses a batch of none, and a count that the bytes cannot hold", () => {
    expect(failureOf(Payload.decode(hex("01 00000000")))).toMatchObject({ reason: "outOfRange" })
    const huge = Payload.decode(hex("01 ffffffff 00000001 00"))
    expect(failureOf(huge)).toMatchObject({ reason: "truncated" })
    expect(() => Payload.encodeRequests([])).toThrow("at least one")
  })

  it("refuses a request that would reach into the next one of its batch", () => {
    // The first says it has 2 bytes, and that it carries a session, which takes 25.
    const bytes = hex(`01 00000002 00000002 01 00
      00000020 00 ${"00".repeat(31)}`)
    expect(failureOf(Payload.decode(bytes))).toMatchObject({ reason: "truncated" })
  })

  it("refuses session commands and markers that are cut short or go on", () => {
    for (const bytes of [golden.open, golden.expire, golden.marker]) {
      for (let length = 0; length < bytes.length; length++) {
        const cut = Payload.decode(bytes.subarray(0, length))
        expect(failureOf(cut)).toMatchObject({ _tag: "Malformed", reason: "truncated" })
      }
      const longer = Payload.decode(Buffer.concat([bytes, Buffer.from([0])]))
      expect(failureOf(longer)).toMatchObject({ _tag: "Malformed", reason: "trailingBytes" })
    }
  })

  it("refuses a flag it does not know, in either form", () => {
    expect(failureOf(Payload.decode(hex("00 02")))).toMatchObject({ reason: "unknownFlag" })
    const batch = Payload.decode(hex("01 00000001 00000001 80"))
    expect(failureOf(batch)).toMatchObject({ reason: "unknownFlag" })
  })
})

describeTotalDecoder("payload", {
  decode: Payload.decode,
  valid: Object.values(golden),
  failures: ["Malformed", "UnknownOpcode"]
})
