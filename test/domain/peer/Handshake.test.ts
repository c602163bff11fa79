import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import {
  ClusterId,
  GroupId,
  Incarnation,
  MemberId,
  NodeName,
  OpeningId
} from "../../../src/domain/Ids.ts"
import { PeerRefused } from "../../../src/domain/peer/Errors.ts"
import * as Handshake from "../../../src/domain/peer/Handshake.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const incarnation = Incarnation.make("202122232425262728292a2b2c2d2e2f")
const openingId = OpeningId.make("505152535455565758595a5b5c5d5e5f")
const node: Handshake.Node = {
  memberId: MemberId.make(2),
  nodeName: NodeName.make("n2"),
  incarnation,
  bootCount: 4,
  openingId,
  endpoint: "127.0.0.1:9000",
  address: "[::1]:71"
}
const greeting: Handshake.Greeting = {
  clusterId: ClusterId.make("000102030405060708090a0b0c0d0e0f"),
  groupId: GroupId.make(5),
  node,
  to: MemberId.make(1)
}

// By hand from the layout in Handshake.ts.
const golden = hex(`5345414c4f4750 01 000102030405060708090a0b0c0d0e0f 0005 0000000000000001
  0000000000000002 02 6e32 202122232425262728292a2b2c2d2e2f 0000000000000004
  505152535455565758595a5b5c5d5e5f 0e 3132372e302e302e313a39303030
  08 5b3a3a315d3a3731`)

const local = (changed: Partial<Handshake.Local> = {}): Handshake.Local => ({
  clusterId: greeting.clusterId,
  groupId: greeting.groupId,
  memberId: greeting.to,
  memberOf: (id) => (id === 2 ? { nodeName: node.nodeName, incarnation } : undefined),
  isNewer: () => false,
  seenOf: () => undefined,
  ...changed
})

const refusal = (changed: Partial<Handshake.Local>) =>
  Handshake.refusalOf(greeting, local(changed))?.reason

describe("a greeting", () => {
  it("is the golden bytes", () => {
    expect(Handshake.encode(greeting)).toEqual(golden)
    expect(Result.getOrThrow(Handshake.decode(golden))).toEqual(greeting)
    expect(golden.length).toBeLessThanOrEqual(Handshake.bytesMax)
  })

  it("of another version is told from one that is damaged", () => {
    const later = Buffer.from(golden)
    later[7] = 2
    expect(Handshake.decode(later)).toMatchObject({ failure: { reason: "unknownVersion" } })
    expect(Handshake.decode(hex("47455420 2f"))).toMatchObject({ failure: { _tag: "Malformed" } })
  })

  it("of a member is welcome", () => {
    expect(refusal({})).toBeUndefined()
    const unknown = { nodeName: node.nodeName, incarnation: undefined }
    expect(refusal({ memberOf: () => unknown })).toBeUndefined()
  })

  it("of a member that was added later is welcome, of this node itself is not", () => {
    const unknown = { memberOf: () => undefined, isNewer: (id: number) => id >= 2 }
    expect(refusal(unknown)).toBeUndefined()
    expect(refusal({ ...unknown, isNewer: (id) => id >= 3 })).toBe("notAMember")
    const self = { ...greeting, node: { ...node, memberId: greeting.to } }
    const everybodyNewer = local({ memberOf: () => undefined, isNewer: () => true })
    expect(Handshake.refusalOf(self, everybodyNewer)?.reason).toBe("notAMember")
  })

  const renamed = { nodeName: NodeName.make("n3"), incarnation }
  const remade = { nodeName: node.nodeName, incarnation: Incarnation.make("e".repeat(32)) }
  it.each<readonly [string, Partial<Handshake.Local>]>([
    ["otherCluster", { clusterId: ClusterId.make("f".repeat(32)) }],
    ["otherGroup", { groupId: GroupId.make(6) }],
    ["notThatMember", { memberId: MemberId.make(3) }],
    ["notAMember", { memberOf: () => undefined }],
    ["otherName", { memberOf: () => renamed }],
    ["otherIncarnation", { memberOf: () => remade }]
  ])("is refused as %s", (reason, changed) => {
    expect(refusal(changed)).toBe(reason)
  })

  it("of an older opening, or of a twin of the newest, is a disk that was rolled back", () => {
    const seen = (bootCount: number, other = openingId) =>
      refusal({ seenOf: () => ({ bootCount, openingId: other }) })
    const twin = OpeningId.make("d".repeat(32))
    expect([seen(3), seen(3, twin), seen(4)]).toEqual([undefined, undefined, undefined])
    expect([seen(4, twin), seen(5), seen(5, twin)]).toEqual(Array(3).fill("diskRolledBack"))
  })
})

describe("a refusal", () => {
  it("comes back as it was sent, and says what to do", () => {
    for (const reason of PeerRefused.fields.reason.literals) {
      const refused = new PeerRefused({ reason, peer: "n2", memberId: 2 })
      const back = Result.getOrThrow(Handshake.decodeRefusal(Handshake.encodeRefusal(refused)))
      expect(back).toEqual(refused)
      expect(back.message).toMatch(/^node n2 \(member 2\) is refused: .{20,}/)
    }
  })
})

describeTotalDecoder("greeting", {
  decode: Handshake.decode,
  valid: [golden],
  failures: ["Malformed"],
  encode: Handshake.encode,
  isDelimited: true
})

describeTotalDecoder("refusal of a peer", {
  decode: Handshake.decodeRefusal,
  valid: [
    Handshake.encodeRefusal(new PeerRefused({ reason: "otherName", peer: "a", memberId: 3 }))
  ],
  failures: ["Malformed"],
  encode: Handshake.encodeRefusal,
  isDelimited: true
})
