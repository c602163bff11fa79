import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Challenge from "../../../src/domain/capability/Challenge.ts"
import { ClusterId, KeyId } from "../../../src/domain/Ids.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const empty: Challenge.Challenge = {
  requestId: 0x0102030405060708n,
  nonce: Buffer.alloc(32, 0xa5),
  clusterId: ClusterId.make("c0".repeat(16)),
  keys: []
}
const full: Challenge.Challenge = {
  ...empty,
  keys: [
    { id: KeyId.make(7), purpose: "raft", clusterId: empty.clusterId, wrapped: hex("beef") },
    {
      id: KeyId.make(0xfffffffe),
      purpose: "storage",
      clusterId: ClusterId.make("d1".repeat(16)),
      wrapped: hex("aa")
    }
  ]
}

// By hand from the layout in Challenge.ts.
const head = `5345414c4f4751 01 0102030405060708 ${"a5".repeat(32)} ${"c0".repeat(16)}`
const emptyBytes = hex(`${head} 00`)
const fullBytes = hex(`${head} 02
  00000007 02 ${"c0".repeat(16)} 0002 beef
  fffffffe 01 ${"d1".repeat(16)} 0001 aa`)

const reasonOf = (bytes: Uint8Array) => {
  const read = Challenge.decode(bytes)
  return Result.isFailure(read) ? read.failure.reason : undefined
}

describe("a challenge", () => {
  it("is the golden bytes", () => {
    expect(Challenge.encode(empty)).toEqual(emptyBytes)
    expect(Challenge.encode(full)).toEqual(fullBytes)
    expect(Result.getOrThrow(Challenge.decode(fullBytes))).toEqual(full)
  })

  it("names one key for each purpose, ascending", () => {
    const [raft, storage] = full.keys as [Challenge.AskedKey, Challenge.AskedKey]
    const read = (keys: ReadonlyArray<Challenge.AskedKey>) =>
      reasonOf(Challenge.encode({ ...empty, keys }))
    expect(read([storage, raft])).toBe("outOfRange")
    expect(read([raft, raft])).toBe("outOfRange")
    expect(read([raft, { ...storage, purpose: "raft" }])).toBe("outOfRange")
  })

  it("is never longer than its bound", () => {
    const wrapped = Buffer.alloc(Limits.wrappedDekBytesMax)
    const longest = { ...full, keys: full.keys.map((key) => ({ ...key, wrapped })) }
    expect(Challenge.encode(longest)).toHaveLength(Challenge.bytesMax)
  })
})

describeTotalDecoder("capability challenge", {
  decode: Challenge.decode,
  encode: Challenge.encode,
  valid: [emptyBytes, fullBytes],
  failures: ["Malformed"],
  isDelimited: true
})
