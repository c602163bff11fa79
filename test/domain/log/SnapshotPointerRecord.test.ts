import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { GroupId, LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as SnapshotPointerRecord from "../../../src/domain/log/SnapshotPointerRecord.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const groupId = 7 as GroupId
// Checksum: Python's zlib.crc32(b"snapshotPointer\0" + 0007 + the 16 bytes before).
const golden = hex("0000000000001122 0000000000000004 a68ae6e8")

describe("SnapshotPointerRecord", () => {
  it("is the golden bytes", () => {
    const position = { index: 0x1122 as LogIndex, term: 4 as Term }
    expect(SnapshotPointerRecord.encode(groupId, position)).toEqual(golden)
  })

  it.prop(
    "round-trips",
    { groupId: GroupId, index: LogIndex, term: Term },
    ({ groupId, ...position }) => {
      const record = SnapshotPointerRecord.encode(groupId, position)
      expect(Result.getOrThrow(SnapshotPointerRecord.decode(groupId, record))).toEqual(position)
    },
    { arbitrary: { runs: 100, seed: 14 } }
  )
})

describeTotalDecoder("snapshot pointer", {
  decode: (bytes) => SnapshotPointerRecord.decode(groupId, bytes),
  encode: (position) => SnapshotPointerRecord.encode(groupId, position),
  valid: [golden],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
