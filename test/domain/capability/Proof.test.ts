import { describe, expect, it } from "@effect/vitest"
import * as Proof from "../../../src/domain/capability/Proof.ts"
import { DataKey } from "../../../src/domain/encryption/DataKey.ts"
import { ClusterId, Incarnation, KeyId, NodeName } from "../../../src/domain/Ids.ts"

const clusterId = ClusterId.make("c0".repeat(16))
const subject: Proof.Subject = {
  nonce: Buffer.alloc(32, 0xa5),
  clusterId,
  nodeName: NodeName.make("n2"),
  incarnation: Incarnation.make("20".repeat(16))
}
const keyOf = (id: number, first = 0) =>
  new DataKey(
    { id: KeyId.make(id), purpose: "raft", clusterId },
    Uint8Array.from({ length: 32 }, (_, at) => first + at)
  )

describe("the proof that a node holds a key", () => {
  it("is what another implementation of HKDF and HMAC computes", () => {
    // Python's hmac and hashlib, from the layout in Proof.ts.
    expect(Proof.prove(keyOf(0x01020304), subject).toString("hex")).toBe(
      "7830141495fec1623dca19a85a7c3e565dae42ef5072f7ab261ac89d060e4914"
    )
  })

  it("is good for that key, that question and that node, and for nothing else", () => {
    const key = keyOf(0x01020304)
    const proof = Proof.prove(key, subject)
    expect(Proof.isProof(key, subject, proof)).toBe(true)
    const others: ReadonlyArray<Proof.Subject> = [
      { ...subject, nonce: Buffer.alloc(32, 0xa6) },
      { ...subject, clusterId: ClusterId.make("c1".repeat(16)) },
      { ...subject, nodeName: NodeName.make("n3") },
      { ...subject, incarnation: Incarnation.make("21".repeat(16)) }
    ]
    for (const other of others) expect(Proof.isProof(key, other, proof)).toBe(false)
    expect(Proof.isProof(keyOf(0x01020305), subject, proof)).toBe(false)
    expect(Proof.isProof(keyOf(0x01020304, 1), subject, proof)).toBe(false)
    expect(Proof.isProof(key, subject, proof.subarray(0, 31))).toBe(false)
    expect(Proof.isProof(key, subject, Buffer.alloc(0))).toBe(false)
  })
})
