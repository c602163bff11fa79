import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Ids from "../../../src/domain/Ids.ts"
import * as LocalRecord from "../../../src/domain/log/LocalRecord.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"

const groupId = 1 as Ids.GroupId
const local: LocalRecord.LocalRecord = {
  nodeName: Ids.NodeName.make("n1"),
  incarnation: Ids.Incarnation.make("202122232425262728292a2b2c2d2e2f"),
  groupId,
  admitted: {
    clusterId: Ids.ClusterId.make("000102030405060708090a0b0c0d0e0f"),
    memberId: Ids.MemberId.make(7)
  },
  bootCount: 3,
  // Not in order: the record is.
  epochs: new Map([
    [0x01020304 as Ids.KeyId, 0xffff as Ids.LocalEpoch],
    [5 as Ids.KeyId, 1 as Ids.LocalEpoch]
  ]),
  peers: new Map([
    [
      Ids.Incarnation.make("303132333435363738393a3b3c3d3e3f"),
      { bootCount: 9, openingId: Ids.OpeningId.make("404142434445464748494a4b4c4d4e4f") }
    ]
  ])
}
// Fields by hand; checksum: Python's zlib.crc32(b"local\0" + 0001 + everything before it).
const golden = hex(`
  02 01 000102030405060708090a0b0c0d0e0f 0000000000000007
  0000000000000003 02 6e31 202122232425262728292a2b2c2d2e2f
  0002 00000005 0001 01020304 ffff
  00000001 303132333435363738393a3b3c3d3e3f 0000000000000009 404142434445464748494a4b4c4d4e4f
  42141338`)

const notAdmitted: LocalRecord.LocalRecord = {
  ...local,
  admitted: undefined,
  bootCount: 1,
  epochs: new Map(),
  peers: new Map()
}
const goldenNotAdmitted = hex(`
  02 00 0000000000000001 02 6e31 202122232425262728292a2b2c2d2e2f 0000 00000000 390b824c`)

describe("LocalRecord", () => {
  it("is the golden bytes, whatever the order of its maps", () => {
    expect(LocalRecord.encode(local)).toEqual(golden)
    expect(Result.getOrThrow(LocalRecord.decode(groupId, golden))).toEqual(local)
    expect(LocalRecord.encode(notAdmitted)).toEqual(goldenNotAdmitted)
    expect(Result.getOrThrow(LocalRecord.decode(groupId, goldenNotAdmitted))).toEqual(notAdmitted)
  })

  it("fails for every flipped bit", () => {
    for (const { changed } of flippedBits(golden)) {
      expect(failureOf(LocalRecord.decode(groupId, changed))).toMatchObject({
        record: "local",
        reason: "checksumMismatch"
      })
    }
  })
})

describeTotalDecoder("local record", {
  decode: (bytes) => LocalRecord.decode(groupId, bytes),
  encode: LocalRecord.encode,
  valid: [golden, goldenNotAdmitted],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
