import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as CapabilityAnswer from "../../../src/domain/capability/CapabilityAnswer.ts"
import {
  ClusterId,
  Incarnation,
  KeyId,
  MemberId,
  NodeName,
  OpeningId
} from "../../../src/domain/Ids.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const newcomer: CapabilityAnswer.CapabilityAnswer = {
  requestId: 0x0102030405060708n,
  member: undefined,
  nodeName: NodeName.make("n2"),
  incarnation: Incarnation.make("20".repeat(16)),
  encryption: "off",
  epoch: 0,
  epochTakenBy: undefined,
  softwareVersion: "0.1.0",
  formats: new Map(),
  proofs: []
}
const member: CapabilityAnswer.CapabilityAnswer = {
  ...newcomer,
  member: { clusterId: ClusterId.make("c0".repeat(16)), id: MemberId.make(3) },
  encryption: "ready",
  epoch: 0x10000,
  epochTakenBy: OpeningId.make("0e".repeat(16)),
  formats: new Map([
    [1, 2],
    [9, 4]
  ]),
  proofs: [{ keyId: KeyId.make(7), proof: Buffer.alloc(32, 0xbb) }]
}

// By hand from the layout in CapabilityAnswer.ts.
const zero = "00".repeat(16)
const newcomerBytes = hex(`5345414c4f4743 01 0102030405060708 ${zero} 0000000000000000
  02 6e32 ${"20".repeat(16)} 00 00000000 ${zero} 05 302e312e30 00 00`)
const memberBytes = hex(`5345414c4f4743 01 0102030405060708 ${"c0".repeat(16)} 0000000000000003
  02 6e32 ${"20".repeat(16)} 02 00010000 ${"0e".repeat(16)} 05 302e312e30 02 0102 0904
  01 00000007 ${"bb".repeat(32)}`)

describe("the answer to a challenge", () => {
  it("is the golden bytes", () => {
    expect(CapabilityAnswer.encode(newcomer)).toEqual(newcomerBytes)
    expect(CapabilityAnswer.encode(member)).toEqual(memberBytes)
    expect(Result.getOrThrow(CapabilityAnswer.decode(newcomerBytes))).toEqual(newcomer)
    expect(Result.getOrThrow(CapabilityAnswer.decode(memberBytes))).toEqual(member)
  })

  it("carries an epoch that does not fit in 16 bits, for it to be refused and not cut", () => {
    expect(Result.getOrThrow(CapabilityAnswer.decode(memberBytes)).epoch).toBe(65_536)
  })

  it("is never longer than its bound", () => {
    const formats = new Map(Array.from({ length: 255 }, (_, at) => [at + 1, 255] as const))
    const proof = Buffer.alloc(32)
    const longest = CapabilityAnswer.encode({
      ...member,
      formats,
      nodeName: NodeName.make("n".repeat(64)),
      softwareVersion: "9".repeat(64),
      proofs: [1, 2].map((id) => ({ keyId: KeyId.make(id), proof }))
    })
    expect(longest).toHaveLength(CapabilityAnswer.bytesMax)
    expect(Result.isSuccess(CapabilityAnswer.decode(longest))).toBe(true)
  })
})

describeTotalDecoder("capability answer", {
  decode: CapabilityAnswer.decode,
  encode: CapabilityAnswer.encode,
  valid: [newcomerBytes, memberBytes],
  failures: ["Malformed"],
  isDelimited: true
})
