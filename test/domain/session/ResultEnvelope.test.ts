import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { DataKey } from "../../../src/domain/encryption/DataKey.ts"
import { GroupId, KeyId, LogIndex } from "../../../src/domain/Ids.ts"
import { SessionId } from "../../../src/domain/log/Request.ts"
import * as ResultEnvelope from "../../../src/domain/session/ResultEnvelope.ts"
import { flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "../encryption/Samples.ts"

const binding: ResultEnvelope.Binding = {
  groupId: GroupId.make(5),
  index: LogIndex.make(0x0a0b0c0d0e0f),
  position: 3,
  sessionId: SessionId.make("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"),
  sequence: 0x0102030405
}
const result = Buffer.from("a result")
const keys = Samples.holding(Samples.storageKey)

// Made with Python's cryptography: HKDF-SHA256 of the DEK (info "sealog/session-result"), AES-256-GCM
// with the nonce and the AAD of ResultEnvelope.ts put together by hand.
const golden = hex(`01 00 a1b2c3d4 0005 0a0b0c0d0e0f 00000003
  8d95732babb8a931 f41eb776334ce414580b8f15a96510a4`)

const open = (changed: Partial<ResultEnvelope.Binding>, sealed: Uint8Array = golden) =>
  ResultEnvelope.open(keys, { ...binding, ...changed }, sealed)

describe("ResultEnvelope", () => {
  it("is the golden bytes", () => {
    expect(ResultEnvelope.seal(Samples.storageKey, binding, result)).toEqual(golden)
    expect(Result.getOrThrow(open({}))).toEqual(result)
  })

  it.each([
    { groupId: GroupId.make(6) },
    { index: LogIndex.make(0x0a0b0c0d0e0e) },
    { position: 4 },
    { sequence: 0x0102030404 },
    { sessionId: SessionId.make("d0d1d2d3d4d5d6d7d8d9dadbdcdddede") }
  ])("does not open elsewhere: %j", (changed) => {
    expect(open(changed)).toMatchObject({ failure: { reason: "tagMismatch" } })
  })

  it("does not open with a flipped bit, nor under another key", () => {
    for (const { changed } of flippedBits(golden)) {
      expect(Result.isFailure(open({}, changed))).toBe(true)
    }
    const other = new DataKey(Samples.storageIdentity, Samples.keyBytes(0x61))
    expect(ResultEnvelope.open(Samples.holding(other), binding, golden)).toMatchObject({
      failure: { reason: "tagMismatch" }
    })
    expect(ResultEnvelope.open(Samples.holding(Samples.raftKey), binding, golden)).toMatchObject({
      failure: { envelope: "storage", keyId: KeyId.make(0xa1b2c3d4), reason: "unknownKeyId" }
    })
  })
})

describe("a derived key", () => {
  it("is made once for each use, and is not the key it comes from", () => {
    const { storageKey } = Samples
    expect(storageKey.derived("a")).toBe(storageKey.derived("a"))
    const [a, b] = [storageKey.derived("a"), storageKey.derived("b")]
    expect(a.material.equals(b.material)).toBe(false)
    expect(a.material.equals(storageKey.material)).toBe(false)
    expect(a).toMatchObject(Samples.storageIdentity)
    expect(JSON.stringify(a)).toBe('"<redacted>"')
  })
})
