import { createCipheriv } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { gcm } from "@noble/ciphers/aes.js"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DataKey } from "../../../src/domain/encryption/DataKey.ts"
import * as RaftEnvelope from "../../../src/domain/encryption/RaftEnvelope.ts"
import * as StorageEnvelope from "../../../src/domain/encryption/StorageEnvelope.ts"
import { GroupId, LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import { bytesOf, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { clusterId, groupId, keyId, raftKey, raftKeyBytes, raftNonce } = Samples
const place = { groupId, term: Samples.term(6), index: Samples.index(7) }
const sealOptions = { ...place, key: raftKey, nonce: raftNonce }
const keys = Samples.holding(raftKey)
const body = Buffer.from("\0payload", "latin1")

// Made by Python's `cryptography` (AESGCM, that is OpenSSL) from header, nonce and AAD written out by
// hand: key 40…5f, nonce 0002 0003 0000000000000004, AAD "R" 01 00 a1b2c3d4 00…0f 0005 …06 …07.
const golden = hex(`01 00 a1b2c3d4 0002 0003 0000000000000004
  dd34047c1578e70d 9d13c25893a4cd50f5b47db6c6a4c038`)
// The same for an empty body at group 0, term 1, index 1.
const goldenEmpty = hex(
  "01 00 a1b2c3d4 0002 0003 0000000000000004 52078c97376cce9318c746f1192abb71"
)

const open = (sealed: Uint8Array, at: Partial<RaftEnvelope.OpenOptions> = {}) =>
  RaftEnvelope.open({ ...place, keys, ...at }, sealed)

/** The AAD spelled out by other means than the envelope's own. */
const aadOf = (at: { groupId: number; term: number; index: number }) => {
  const aad = Buffer.alloc(41)
  aad.write("R\x01\x00", "latin1")
  aad.writeUInt32BE(keyId, 3)
  aad.write(clusterId, 7, "hex")
  aad.writeUInt16BE(at.groupId, 23)
  aad.writeBigUInt64BE(BigInt(at.term), 25)
  aad.writeBigUInt64BE(BigInt(at.index), 33)
  return aad
}

describe("RaftEnvelope", () => {
  it("is the golden bytes, 34 more than the body", () => {
    expect(RaftEnvelope.seal(sealOptions, body)).toEqual(golden)
    expect(golden.length).toBe(body.length + RaftEnvelope.overheadBytes)
    const first = { groupId: GroupId.make(0), term: Samples.term(1), index: Samples.index(1) }
    expect(RaftEnvelope.seal({ ...sealOptions, ...first }, Buffer.alloc(0))).toEqual(goldenEmpty)
    expect(Result.getOrThrow(open(golden))).toEqual(body)
  })

  it.prop(
    "opens with another implementation, and opens what another implementation sealed",
    { groupId: GroupId, term: Term, index: LogIndex, body: Schema.Uint8Array },
    ({ body, ...at }) => {
      const other = gcm(raftKeyBytes(), raftNonce, aadOf(at))
      const sealed = RaftEnvelope.seal({ ...sealOptions, ...at }, body)
      expect(other.decrypt(sealed.subarray(18))).toEqual(body)
      const theirs = Buffer.concat([golden.subarray(0, 18), other.encrypt(body)])
      expect(bytesOf(theirs)).toEqual(bytesOf(sealed))
      expect(bytesOf(Result.getOrThrow(open(theirs, at)))).toEqual(body)
    },
    { arbitrary: { runs: 100, seed: 23, size: 200 } }
  )

  it("refuses every flipped bit, with the reason of its place", () => {
    for (const { at, changed } of flippedBits(golden)) {
      const reason =
        at === 0 ? "badVersion" : at === 1 ? "badFlag" : at < 6 ? "unknownKeyId" : "tagMismatch"
      expect(failureOf(open(changed))).toMatchObject({ _tag: "RaftUnwrapFailed", reason })
    }
  })

  it("refuses every truncation and a trailing byte", () => {
    const long = RaftEnvelope.seal(sealOptions, Buffer.alloc(40))
    for (let length = 0; length < long.length; length++) {
      const reason = length < 34 ? "truncated" : "tagMismatch"
      expect(failureOf(open(long.subarray(0, length)))).toMatchObject({ reason })
    }
    const longer = Buffer.concat([golden, Buffer.alloc(1)])
    expect(failureOf(open(longer))).toMatchObject({ reason: "tagMismatch" })
  })

  it("does not open at another group, term or index, or for another cluster", () => {
    for (const at of [
      { groupId: GroupId.make(4) },
      { term: Samples.term(7) },
      { index: Samples.index(8) },
      { term: place.index as number as Term, index: place.term as number as LogIndex }
    ]) {
      expect(failureOf(open(golden, at))).toMatchObject({ ...at, keyId, reason: "tagMismatch" })
    }
    const elsewhere = new DataKey(
      { ...Samples.raftIdentity, clusterId: Samples.otherClusterId },
      raftKeyBytes()
    )
    const opened = open(golden, { keys: Samples.holding(elsewhere) })
    expect(failureOf(opened)).toMatchObject({ reason: "tagMismatch" })
  })

  it("does not open under another key, nor under a key of the other purpose", () => {
    const other = new DataKey(Samples.raftIdentity, Samples.keyBytes(0x41))
    const wrong = open(golden, { keys: Samples.holding(other) })
    expect(failureOf(wrong)).toMatchObject({ reason: "tagMismatch" })
    for (const keys of [Samples.holding(), Samples.holding(Samples.storageKey)]) {
      expect(failureOf(open(golden, { keys }))).toMatchObject({ keyId, reason: "unknownKeyId" })
    }
    expect(() => RaftEnvelope.seal({ ...sealOptions, key: Samples.storageKey }, body)).toThrow(
      "raft DEK"
    )
  })

  it("refuses a tag of 4 bytes, although it is a genuine one", () => {
    const cipher = createCipheriv("aes-256-gcm", raftKeyBytes(), raftNonce, { authTagLength: 4 })
    cipher.setAAD(aadOf(place))
    const ciphertext = Buffer.concat([cipher.update(Buffer.alloc(32)), cipher.final()])
    const header = golden.subarray(0, 18)
    const short = Buffer.concat([header, ciphertext, cipher.getAuthTag()])
    expect(failureOf(open(short))).toMatchObject({ reason: "tagMismatch" })
    const empty = Buffer.concat([header, cipher.getAuthTag()])
    expect(failureOf(open(empty))).toMatchObject({ reason: "truncated" })
  })

  it("does not open what was sealed as a value under the same key bytes", () => {
    const key = new DataKey(Samples.storageIdentity, raftKeyBytes())
    const options = {
      key,
      nonce: Samples.storageNonce,
      groupId,
      revision: Samples.revision(6),
      storeKey: hex("0000000000000007")
    }
    const value = StorageEnvelope.seal(options, body)
    expect(failureOf(open(value))).toMatchObject({ reason: "tagMismatch" })
  })

  it("seals in place, touching nothing around it", () => {
    const size = body.length + RaftEnvelope.overheadBytes
    const data = ProposalEnvelope.allocate(9n, size)
    RaftEnvelope.sealInto(data, ProposalEnvelope.headerBytes, sealOptions, body)
    expect(ProposalEnvelope.proposalIdOf(data)).toBe(9n)
    expect(bytesOf(ProposalEnvelope.bodyOf(data)!)).toEqual(bytesOf(golden))
    expect(() => RaftEnvelope.sealInto(Buffer.alloc(10), 0, sealOptions, body)).toThrow("inside")
  })

  it("names the place and the key in its failure", () => {
    const { groupId, index, term } = place
    const failure = failureOf(open(golden.subarray(0, 20)))
    expect(failure).toMatchObject({ groupId, index, term, keyId, reason: "truncated" })
    expect(failureOf(open(hex("01 00")))).toMatchObject({ keyId: 0 })
    expect(failure.message).toContain("entry 7 of term 6 in group 5")
  })

  it.prop(
    "never throws, whatever the bytes",
    { bytes: Schema.Uint8Array },
    ({ bytes }) => {
      expect(failureOf(open(bytes))._tag).toBe("RaftUnwrapFailed")
      const headed = Buffer.concat([golden.subarray(0, 6), bytes])
      expect(failureOf(open(headed))._tag).toBe("RaftUnwrapFailed")
    },
    { arbitrary: { runs: 300, seed: 24, size: 80 } }
  )
})
