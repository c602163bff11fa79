import { createCipheriv } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DataKey } from "../../../src/domain/encryption/DataKey.ts"
import * as StorageEnvelope from "../../../src/domain/encryption/StorageEnvelope.ts"
import { GroupId, Revision } from "../../../src/domain/Ids.ts"
import { bytesOf, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { clusterId, groupId, keyId, storageKey, storageKeyBytes, storageNonce } = Samples
const revision = Samples.revision(0x0a0b0c0d0e0f)
const place = { groupId, revision, storeKey: Buffer.from("key") }
const sealOptions = { ...place, key: storageKey, nonce: storageNonce }
const keys = Samples.holding(storageKey)
const value = Buffer.from("value")

// Made by Python's `cryptography` (AESGCM) from parts written out by hand: key 60…7f, nonce 0005
// 0a0b0c0d0e0f 00000001, AAD "S" 01 00 a1b2c3d4 00…0f 0005 00000a0b0c0d0e0f "key".
const golden = hex(`01 00 a1b2c3d4 0005 0a0b0c0d0e0f 00000001
  51fbe2ab71 d17355340071aade39390edbafdaabc7`)

const open = (sealed: Uint8Array, at: Partial<StorageEnvelope.OpenOptions> = {}) =>
  StorageEnvelope.open({ ...place, keys, ...at }, sealed)

const aadOf = (at: { groupId: number; revision: number; storeKey: Uint8Array }) => {
  const aad = Buffer.alloc(33)
  aad.write("S\x01\x00", "latin1")
  aad.writeUInt32BE(keyId, 3)
  aad.write(clusterId, 7, "hex")
  aad.writeUInt16BE(at.groupId, 23)
  aad.writeBigUInt64BE(BigInt(at.revision), 25)
  return Buffer.concat([aad, at.storeKey])
}

describe("StorageEnvelope", () => {
  it("is the golden bytes, 34 more than the value", () => {
    expect(StorageEnvelope.seal(sealOptions, value)).toEqual(golden)
    expect(golden.length).toBe(value.length + StorageEnvelope.overheadBytes)
    expect(Result.getOrThrow(open(golden))).toEqual(value)
  })

  it.prop(
    "opens with another implementation, and opens what another implementation sealed",
    { groupId: GroupId, revision: Revision, storeKey: Schema.Uint8Array, value: Schema.Uint8Array },
    ({ value, ...at }) => {
      const other = gcm(storageKeyBytes(), storageNonce, aadOf(at))
      const sealed = StorageEnvelope.seal({ ...sealOptions, ...at }, value)
      expect(other.decrypt(sealed.subarray(18))).toEqual(value)
      const theirs = Buffer.concat([golden.subarray(0, 18), other.encrypt(value)])
      expect(bytesOf(theirs)).toEqual(bytesOf(sealed))
      expect(bytesOf(Result.getOrThrow(open(theirs, at)))).toEqual(value)
    },
    { arbitrary: { runs: 100, seed: 25, size: 200 } }
  )

  it("seals in place, touching nothing around it", () => {
    const around = Buffer.alloc(golden.length + 5, 0xee)
    StorageEnvelope.sealInto(around, 3, sealOptions, value)
    expect(around).toEqual(Buffer.concat([hex("eeeeee"), golden, hex("eeee")]))
    expect(() => StorageEnvelope.sealInto(around, 6, sealOptions, value)).toThrow("inside")
  })

  it("refuses every flipped bit, with the reason of its place; compression is not supported", () => {
    for (const { at, changed } of flippedBits(golden)) {
      const reason =
        at === 0 ? "badVersion" : at === 1 ? "badFlag" : at < 6 ? "unknownKeyId" : "tagMismatch"
      const failure = failureOf(open(changed))
      expect(failure).toMatchObject({ _tag: "EnvelopeRefused", envelope: "storage", reason })
    }
  })

  it("refuses every truncation and a trailing byte", () => {
    const long = StorageEnvelope.seal(sealOptions, Buffer.alloc(40))
    for (let length = 0; length < long.length; length++) {
      const reason = length < 34 ? "truncated" : "tagMismatch"
      expect(failureOf(open(long.subarray(0, length)))).toMatchObject({ reason })
    }
    const longer = Buffer.concat([golden, Buffer.alloc(1)])
    expect(failureOf(open(longer))).toMatchObject({ reason: "tagMismatch" })
  })

  it("does not open under another key of the store, revision, group or cluster", () => {
    for (const at of [
      { storeKey: Buffer.from("kez") },
      { storeKey: Buffer.from("ke") },
      { storeKey: Buffer.from("key\0") },
      { revision: Samples.revision(revision - 1) },
      { groupId: GroupId.make(6) }
    ]) {
      expect(failureOf(open(golden, at))).toMatchObject({ keyId, reason: "tagMismatch" })
    }
    const elsewhere = new DataKey(
      { ...Samples.storageIdentity, clusterId: Samples.otherClusterId },
      storageKeyBytes()
    )
    const opened = open(golden, { keys: Samples.holding(elsewhere) })
    expect(failureOf(opened)).toMatchObject({ reason: "tagMismatch" })
  })

  it("does not open under an unknown DEK, nor under one of the other purpose", () => {
    for (const keys of [Samples.holding(), Samples.holding(Samples.raftKey)]) {
      expect(failureOf(open(golden, { keys }))).toMatchObject({ keyId, reason: "unknownKeyId" })
    }
    expect(() => StorageEnvelope.seal({ ...sealOptions, key: Samples.raftKey }, value)).toThrow(
      "storage DEK"
    )
  })

  it("refuses a tag of 4 bytes, although it is a genuine one", () => {
    const options = { authTagLength: 4 }
    const cipher = createCipheriv("aes-256-gcm", storageKeyBytes(), storageNonce, options)
    cipher.setAAD(aadOf(place))
    const ciphertext = Buffer.concat([cipher.update(Buffer.alloc(32)), cipher.final()])
    const short = Buffer.concat([golden.subarray(0, 18), ciphertext, cipher.getAuthTag()])
    expect(failureOf(open(short))).toMatchObject({ reason: "tagMismatch" })
  })

  it("makes the same bytes on every replica", () => {
    const again = StorageEnvelope.seal(
      { ...sealOptions, storeKey: Uint8Array.from(place.storeKey) },
      value
    )
    expect(again).toEqual(golden)
  })

  it.prop(
    "never throws, whatever the bytes",
    { bytes: Schema.Uint8Array },
    ({ bytes }) => {
      expect(failureOf(open(bytes))._tag).toBe("EnvelopeRefused")
      const headed = Buffer.concat([golden.subarray(0, 6), bytes])
      expect(failureOf(open(headed))._tag).toBe("EnvelopeRefused")
    },
    { arbitrary: { runs: 300, seed: 26, size: 80 } }
  )
})
