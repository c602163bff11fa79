import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { GroupId, LogIndex, type MemberId, Term } from "../../../src/domain/Ids.ts"
import * as HardStateRecord from "../../../src/domain/log/HardStateRecord.ts"
import * as HardState from "../../../src/domain/raft/HardState.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex, int } from "../bytes/Decoding.ts"

const groupId = 7 as GroupId
const state = { term: 5 as Term, vote: 2 as MemberId, commit: 3 as LogIndex }
// Checksums: Python's zlib.crc32(b"hardState\0" + groupId as 2 bytes + the 24 bytes before).
const golden = hex("0000000000000005 0000000000000002 0000000000000003 4e6e91fc")
const goldenInitial = hex("0000000000000000 0000000000000000 0000000000000000 c36ff8e4")

describe("HardStateRecord", () => {
  it("is the golden bytes, with vote 0 for none", () => {
    expect(HardStateRecord.encode(groupId, state)).toEqual(golden)
    expect(HardStateRecord.encode(0 as GroupId, HardState.initial)).toEqual(goldenInitial)
    const read = Result.getOrThrow(HardStateRecord.decode(0 as GroupId, goldenInitial))
    expect(read).toEqual(HardState.initial)
  })

  it.prop(
    "round-trips",
    { groupId: GroupId, term: Term, vote: int(0, Number.MAX_SAFE_INTEGER), commit: LogIndex },
    ({ commit, groupId, term, vote }) => {
      const written = { term, vote: vote === 0 ? undefined : (vote as MemberId), commit }
      const record = HardStateRecord.encode(groupId, written)
      expect(Result.getOrThrow(HardStateRecord.decode(groupId, record))).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 13 } }
  )

  it("fails for every flipped bit, naming the record", () => {
    for (const { changed } of flippedBits(golden)) {
      expect(failureOf(HardStateRecord.decode(groupId, changed))).toMatchObject({
        _tag: "RecordCorrupted",
        record: "hardState",
        reason: "checksumMismatch"
      })
    }
  })
})

describeTotalDecoder("hard state", {
  decode: (bytes) => HardStateRecord.decode(groupId, bytes),
  encode: (state) => HardStateRecord.encode(groupId, state),
  valid: [golden],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
