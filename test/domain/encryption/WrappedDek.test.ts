import { describe, expect, it } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  DataKey,
  type DataKeyIdentity,
  KeyEncryptionKey
} from "../../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../../src/domain/encryption/Nonce.ts"
import * as WrappedDek from "../../../src/domain/encryption/WrappedDek.ts"
import { failureOf, flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { clusterId, kek, keyId, raftIdentity, raftKey } = Samples
const nonce = Nonce.random(hex("f0f1f2f3f4f5f6f7f8f9fafb"))

// Made by Python's `cryptography` (AESGCM) from parts written out by hand: KEK 80…9f, DEK 40…5f, AAD
// "K" 00…0f a1b2c3d4 02.
const golden = hex(`01 f0f1f2f3f4f5f6f7f8f9fafb
  bd7fc66720827c77b64062794203c5023a6b409f04fe728a8d469a285f012adf
  73d5dff70d2a3de6ba5cd8f7ed8a9987`)
// The same for DEK 60…7f, key 1, purpose storage.
const goldenStorage = hex(`01 f0f1f2f3f4f5f6f7f8f9fafb
  9d5fe64700a25c57966042596223e5221a4b60bf24de52aaad66ba087f210aff
  453172b72bc3a4dc8f91c2322a7c62d9`)

const unwrap = (wrapped: Uint8Array, identity: DataKeyIdentity = raftIdentity) =>
  WrappedDek.unwrap({ kek, identity }, wrapped)

describe("WrappedDek", () => {
  it("is the golden bytes, 61 of them", () => {
    expect(WrappedDek.wrap({ kek, nonce }, raftKey)).toEqual(golden)
    const identity = { id: Samples.key(1), purpose: "storage", clusterId } as const
    const storage = new DataKey(identity, Samples.storageKeyBytes())
    expect(WrappedDek.wrap({ kek, nonce }, storage)).toEqual(goldenStorage)
    expect(golden.length).toBe(WrappedDek.bytes)
  })

  it("unwraps to the same key, with its identity", () => {
    const key = Result.getOrThrow(unwrap(golden))
    expect(new Uint8Array(key.material.export())).toEqual(Samples.raftKeyBytes())
    expect([key.id, key.purpose, key.clusterId]).toEqual([keyId, "raft", clusterId])
    expect(key.material.equals(raftKey.material)).toBe(true)
  })

  it("opens with another implementation, and opens what another implementation wrapped", () => {
    const aad = hex(`4b ${clusterId} a1b2c3d4 02`)
    const other = gcm(Samples.kekBytes(), nonce, aad)
    expect(other.decrypt(golden.subarray(13))).toEqual(Samples.raftKeyBytes())
    const theirs = Buffer.concat([hex("01"), nonce, other.encrypt(Samples.keyBytes(3))])
    const key = Result.getOrThrow(unwrap(theirs))
    expect(new Uint8Array(key.material.export())).toEqual(Samples.keyBytes(3))
  })

  it("refuses every flipped bit", () => {
    for (const { at, changed } of flippedBits(golden)) {
      const reason = at === 0 ? "badVersion" : "tagMismatch"
      const failure = failureOf(unwrap(changed))
      expect(failure).toMatchObject({
        _tag: "EnvelopeRefused",
        envelope: "wrappedDek",
        keyId,
        reason
      })
    }
  })

  it("refuses every truncation and a trailing byte", () => {
    for (let length = 0; length < golden.length; length++) {
      const failure = failureOf(unwrap(golden.subarray(0, length)))
      expect(failure).toMatchObject({ reason: "truncated" })
    }
    const longer = unwrap(Buffer.concat([golden, Buffer.alloc(1)]))
    expect(failureOf(longer)).toMatchObject({ reason: "tagMismatch" })
  })

  it("does not unwrap as another key, for another purpose or cluster, or under another KEK", () => {
    for (const identity of [
      { ...raftIdentity, id: Samples.key(keyId + 1) },
      { ...raftIdentity, purpose: "storage" as const },
      { ...raftIdentity, clusterId: Samples.otherClusterId }
    ]) {
      expect(failureOf(unwrap(golden, identity))).toMatchObject({ reason: "tagMismatch" })
    }
    const other = new KeyEncryptionKey(Samples.keyBytes(0x81))
    const wrong = WrappedDek.unwrap({ kek: other, identity: raftIdentity }, golden)
    expect(failureOf(wrong)).toMatchObject({ reason: "tagMismatch" })
  })

  it.prop(
    "never throws, whatever the bytes",
    { bytes: Schema.Uint8Array },
    ({ bytes }) => {
      expect(failureOf(unwrap(bytes))._tag).toBe("EnvelopeRefused")
      const headed = Buffer.concat([golden.subarray(0, 13), bytes, Buffer.alloc(61)]).subarray(
        0,
        61
      )
      expect(failureOf(unwrap(headed))._tag).toBe("EnvelopeRefused")
    },
    { arbitrary: { runs: 200, seed: 27, size: 60 } }
  )
})
