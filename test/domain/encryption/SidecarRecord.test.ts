import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as SidecarRecord from "../../../src/domain/encryption/SidecarRecord.ts"
import type * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import { ClusterId, GroupId } from "../../../src/domain/Ids.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { index, key, revision } = Samples
const groupId = GroupId.make(1)
const state: SidecarState.SidecarState = {
  clusterId: Samples.clusterId,
  keys: [
    {
      id: key(7),
      purpose: "storage",
      clusterId: Samples.clusterId,
      wrapped: Uint8Array.of(0xaa, 0xbb),
      createdIndex: index(3)
    },
    {
      id: key(9),
      purpose: "raft",
      clusterId: ClusterId.make(Samples.incarnation),
      wrapped: Uint8Array.of(0xcc),
      createdIndex: index(3)
    }
  ],
  active: { storage: key(7), raft: key(9) },
  storageEnvelopeIndex: index(0x10),
  storageEnvelopeRevision: revision(0x20),
  raftEnvelopeCutoverIndex: index(0x30)
}

// Fields by hand from the layout in SidecarRecord.ts.
const golden = hex(`01 000102030405060708090a0b0c0d0e0f 00000007 00000009
  0000000000000010 0000000000000020 0000000000000030 0002
  00000007 01 0000000000000003 000102030405060708090a0b0c0d0e0f 0002 aabb
  00000009 02 0000000000000003 202122232425262728292a2b2c2d2e2f 0001 cc`)
// Checksum: Python's zlib.crc32(b"sidecar\0" + 0001 + the bytes above).
const goldenRecord = Buffer.concat([golden, hex("efc317aa")])
const empty = hex(`01 000102030405060708090a0b0c0d0e0f ${"00".repeat(32)} 0000`)

const inconsistent = (changes: Partial<SidecarState.SidecarState>) => {
  const problem = SidecarRecord.problemOf({ ...state, ...changes })
  expect(() => SidecarRecord.encode({ ...state, ...changes })).toThrow("consistent")
  return problem
}

describe("SidecarRecord", () => {
  it("is the golden bytes", () => {
    expect(SidecarRecord.encode(state)).toEqual(golden)
    expect(SidecarRecord.encodeRecord(groupId, state)).toEqual(goldenRecord)
    expect(Result.getOrThrow(SidecarRecord.decode(golden))).toEqual(state)
    expect(Result.getOrThrow(SidecarRecord.decodeRecord(groupId, goldenRecord))).toEqual(state)
  })

  it("fails for every flipped bit, and in another group", () => {
    for (const { changed } of flippedBits(goldenRecord)) {
      expect(failureOf(SidecarRecord.decodeRecord(groupId, changed))).toMatchObject({
        _tag: "RecordCorrupted",
        record: "sidecar",
        reason: "checksumMismatch"
      })
    }
    const elsewhere = SidecarRecord.decodeRecord(GroupId.make(2), goldenRecord)
    expect(failureOf(elsewhere)).toMatchObject({ reason: "checksumMismatch" })
  })

  it("refuses keys that are not ascending: one state has one spelling", () => {
    const swapped = Buffer.from(golden)
    swapped.writeUInt32BE(9, 51)
    expect(failureOf(SidecarRecord.decode(swapped))).toMatchObject({ reason: "notCanonical" })
  })

  it("refuses an active id without a key, or of the wrong purpose", () => {
    const none = key(0)
    const missing = { reason: "activeKeyMissing", keyId: 8 }
    expect(inconsistent({ active: { storage: key(8), raft: key(9) } })).toMatchObject(missing)
    expect(inconsistent({ active: { storage: key(7), raft: key(8) } })).toMatchObject(missing)
    expect(inconsistent({ active: { storage: none, raft: key(9) } })).toMatchObject({
      reason: "activeKeyMissing",
      keyId: 0
    })
    expect(inconsistent({ active: { storage: key(9), raft: key(7) } })).toMatchObject({
      reason: "activeKeyOfWrongPurpose",
      keyId: 9
    })
  })

  it("refuses phases that cannot have been reached", () => {
    const active = { storage: key(0), raft: key(0) }
    const never = index(0)
    expect(inconsistent({ active, raftEnvelopeCutoverIndex: never })).toMatchObject({
      reason: "storageEnvelopeWithoutKey"
    })
    expect(inconsistent({ active, storageEnvelopeIndex: never })).toMatchObject({
      reason: "cutoverWithoutKey"
    })
    for (const storageEnvelopeIndex of [never, index(0x30), index(0x31)]) {
      expect(inconsistent({ storageEnvelopeIndex })).toMatchObject({
        reason: "cutoverBeforeStorageEnvelope"
      })
    }
  })

  it("says so when it reads such a state", () => {
    const bytes = Buffer.from(golden)
    bytes.writeUInt32BE(8, 17)
    const failure = failureOf(SidecarRecord.decode(bytes))
    expect(failure).toMatchObject({ _tag: "SidecarInconsistent", keyId: 8 })
  })

  it("reads keys into memory of their own", () => {
    const bytes = Buffer.from(golden)
    const { keys } = Result.getOrThrow(SidecarRecord.decode(bytes))
    bytes.fill(0)
    expect(keys).toEqual(state.keys)
  })
})

describeTotalDecoder("sidecar", {
  decode: SidecarRecord.decode,
  encode: SidecarRecord.encode,
  valid: [golden, empty],
  failures: ["Malformed", "SidecarInconsistent"],
  isDelimited: true
})

describeTotalDecoder("sidecar record", {
  decode: (bytes) => SidecarRecord.decodeRecord(groupId, bytes),
  valid: [goldenRecord],
  failures: ["RecordCorrupted", "SidecarInconsistent"],
  isDelimited: true
})
