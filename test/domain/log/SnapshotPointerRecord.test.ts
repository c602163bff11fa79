import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { GroupId, LogIndex, StateGeneration, Term } from "../../../src/domain/Ids.ts"
import * as SnapshotPointerRecord from "../../../src/domain/log/SnapshotPointerRecord.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const groupId = 7 as GroupId
// Checksum: Python's zlib.crc32(b"snapshotPointer\0" + 0007 + the 32 bytes before).
const golden = hex("0000000000001122 0000000000000004 0000000000000120 0000000000000003 c2d8e9a2")

describe("SnapshotPointerRecord", () => {
  it("is the golden bytes", () => {
    const pointer = {
      index: 0x1122 as LogIndex,
      term: 4 as Term,
      cutover: 0x120 as LogIndex,
      generation: 3 as StateGeneration
    }
    expect(SnapshotPointerRecord.encode(groupId, pointer)).toEqual(golden)
  })

  it.prop(
    "round-trips",
    { groupId: GroupId, index: LogIndex, term: Term, generation: StateGeneration },
    ({ groupId, ...rest }) => {
      const pointer = { ...rest, cutover: Math.floor(rest.index / 2) as LogIndex }
      const record = SnapshotPointerRecord.encode(groupId, pointer)
      expect(Result.getOrThrow(SnapshotPointerRecord.decode(groupId, record))).toEqual(pointer)
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
