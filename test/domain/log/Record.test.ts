import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ByteReader } from "../../../src/domain/bytes/ByteReader.ts"
import { GroupId } from "../../../src/domain/Ids.ts"
import * as Record from "../../../src/domain/log/Record.ts"
import { bytesOf, describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"

const identity: Record.Identity = { label: "label", groupId: 0x0102 as GroupId }
// Checksum: Python's zlib.crc32(b"label\0" + 0102 + b"body").
const golden = hex("626f6479 c8055f27")

describe("Record", () => {
  it("is the golden bytes", () => {
    expect(Record.encode(identity, Buffer.from("body"))).toEqual(golden)
  })

  it.prop(
    "round-trips, and is refused under another label or group",
    { groupId: GroupId, body: Schema.Uint8Array },
    ({ body, groupId }) => {
      const record = Record.encode({ label: "sidecar", groupId }, body)
      const read = Result.getOrThrow(Record.decode({ label: "sidecar", groupId }, record))
      expect(bytesOf(read)).toEqual(body)
      const other = ((groupId + 1) % 0x10000) as GroupId
      expect(failureOf(Record.decode({ label: "local", groupId }, record))).toMatchObject({
        _tag: "RecordCorrupted",
        record: "local",
        groupId,
        reason: "checksumMismatch"
      })
      expect(Result.isFailure(Record.decode({ label: "sidecar", groupId: other }, record))).toBe(
        true
      )
    },
    { arbitrary: { runs: 200, seed: 12 } }
  )

  it("fails for every flipped bit", () => {
    for (const { changed } of flippedBits(golden)) {
      expect(failureOf(Record.decode(identity, changed))).toMatchObject({
        reason: "checksumMismatch"
      })
    }
  })

  it("tells a label from one that goes on into the group", () => {
    const groupId = 0x6162 as GroupId
    const record = Record.encode({ label: "a", groupId }, Buffer.from("x"))
    expect(Result.isFailure(Record.decode({ label: "aab", groupId }, record))).toBe(true)
    expect(() => Record.encode({ label: "a\0b", groupId }, Buffer.from("x"))).toThrow("NUL")
  })

  it("says that a body with a good checksum and another format is malformed", () => {
    const read = Record.decodeAs(identity, golden, (body) => new ByteReader("sample", body).end(1))
    expect(failureOf(read)).toMatchObject({ record: "label", reason: "malformed" })
    expect(failureOf(Record.decode(identity, hex("000000")))).toMatchObject({ reason: "truncated" })
  })
})

describeTotalDecoder("record", {
  decode: (bytes) => Record.decode(identity, bytes),
  encode: (body) => Record.encode(identity, body),
  valid: [golden],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
