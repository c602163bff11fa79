import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { ClusterId, MemberId } from "../../../src/domain/Ids.ts"
import * as AdmissionAnswer from "../../../src/domain/peer/AdmissionAnswer.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

// By hand from the layout in AdmissionAnswer.ts.
const golden: ReadonlyArray<readonly [AdmissionAnswer.AdmissionAnswer, Buffer]> = [
  [
    {
      _tag: "Admitted",
      clusterId: ClusterId.make("000102030405060708090a0b0c0d0e0f"),
      memberId: MemberId.make(3)
    },
    hex("5345414c4f4741 01 01 000102030405060708090a0b0c0d0e0f 0000000000000003")
  ],
  [{ _tag: "Waiting", leader: undefined }, hex("5345414c4f4741 01 02 00")],
  [
    { _tag: "Waiting", leader: { host: "127.0.0.1", port: 9000 } },
    hex("5345414c4f4741 01 02 0e 3132372e302e302e313a39303030")
  ],
  // The reasons are numbered by hand here, so that none of them can move.
  [{ _tag: "Refused", reason: "protocolUnknown" }, hex("5345414c4f4741 01 03 00")],
  [{ _tag: "Refused", reason: "otherBootstrapList" }, hex("5345414c4f4741 01 03 01")],
  [{ _tag: "Refused", reason: "nameTaken" }, hex("5345414c4f4741 01 03 02")],
  [{ _tag: "Refused", reason: "directoryCopied" }, hex("5345414c4f4741 01 03 03")],
  [{ _tag: "Refused", reason: "foundedWithout" }, hex("5345414c4f4741 01 03 04")]
]

describe("an admission", () => {
  it("is the golden bytes", () => {
    for (const [answer, bytes] of golden) {
      expect(AdmissionAnswer.encode(answer)).toEqual(bytes)
      expect(Result.getOrThrow(AdmissionAnswer.decode(bytes))).toEqual(answer)
    }
    expect(golden).toHaveLength(3 + AdmissionAnswer.reasons.length)
  })

  it("of another version is told from one that is damaged", () => {
    expect(AdmissionAnswer.decode(hex("5345414c4f4741 02 01"))).toMatchObject({
      failure: { reason: "unknownVersion" }
    })
    expect(AdmissionAnswer.decode(hex("5345414c4f4741 01 00"))).toMatchObject({
      failure: { reason: "unknownTag" }
    })
  })
})

describeTotalDecoder("admission", {
  decode: AdmissionAnswer.decode,
  encode: AdmissionAnswer.encode,
  valid: golden.map(([, bytes]) => bytes),
  failures: ["Malformed"],
  isDelimited: true
})
