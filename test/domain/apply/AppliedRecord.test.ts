import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AppliedRecord from "../../../src/domain/apply/AppliedRecord.ts"
import { GroupId, LogIndex, Revision, Term } from "../../../src/domain/Ids.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"

const groupId = GroupId.make(1)
const Checksum = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))
const record = {
  index: LogIndex.make(7),
  term: Term.make(3),
  revision: Revision.make(0x102),
  sidecarChecksum: 0x89abcdef
}
// Fields by hand from the layout in SPEC §8: version, index, term, revision, checksum of
// the sidecar.
// Checksum: Python's zlib.crc32(b"applied\0" + 0001 + the 29 bytes before it).
const golden = hex("02 0000000000000007 0000000000000003 0000000000000102 89abcdef ad3af9c4")

describe("AppliedRecord", () => {
  it("is the golden bytes", () => {
    expect(AppliedRecord.encode(groupId, record)).toEqual(golden)
    expect(Result.getOrThrow(AppliedRecord.decode(groupId, golden))).toEqual(record)
  })

  it.prop(
    "round-trips",
    { groupId: GroupId, index: LogIndex, term: Term, revision: Revision, checksum: Checksum },
    ({ checksum: sidecarChecksum, groupId, index, revision, term }) => {
      const written = { index, term, revision, sidecarChecksum }
      const bytes = AppliedRecord.encode(groupId, written)
      expect(Result.getOrThrow(AppliedRecord.decode(groupId, bytes))).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 17 } }
  )

  it("fails for every flipped bit and in another group, naming the record", () => {
    const corrupted = {
      _tag: "RecordCorrupted",
      record: "applied",
      reason: "checksumMismatch"
    }
    for (const { changed } of flippedBits(golden)) {
      expect(failureOf(AppliedRecord.decode(groupId, changed))).toMatchObject(corrupted)
    }
    const elsewhere = AppliedRecord.decode(GroupId.make(2), golden)
    expect(failureOf(elsewhere)).toMatchObject({ ...corrupted, groupId: 2 })
  })
})

describeTotalDecoder("applied record", {
  decode: (bytes) => AppliedRecord.decode(groupId, bytes),
  encode: (applied) => AppliedRecord.encode(groupId, applied),
  valid: [golden],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
