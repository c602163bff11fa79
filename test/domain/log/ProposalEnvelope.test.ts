import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import { bytesOf, describeTotalDecoder, failureOf, hex } from "../bytes/Decoding.ts"

const proposalId = Schema.BigInt.check(
  Schema.isBetweenBigInt({ minimum: 0n, maximum: 0xffff_ffff_ffff_ffffn })
)
// Version, id, body: by hand.
const golden = hex("01 fedcba9876543210 626f6479")

describe("ProposalEnvelope", () => {
  it("is the golden bytes", () => {
    const envelope = { proposalId: 0xfedc_ba98_7654_3210n, body: Buffer.from("body") }
    expect(ProposalEnvelope.encode(envelope)).toEqual(golden)
    expect(ProposalEnvelope.proposalIdOf(golden)).toBe(envelope.proposalId)
    expect(ProposalEnvelope.bodyOf(golden)).toEqual(envelope.body)
  })

  it.prop(
    "round-trips every id, and gives away id and body alone",
    { proposalId, body: Schema.Uint8Array },
    ({ body, proposalId }) => {
      const data = ProposalEnvelope.encode({ proposalId, body })
      const read = Result.getOrThrow(ProposalEnvelope.decode(data))
      expect(read.proposalId).toBe(proposalId)
      expect(bytesOf(read.body)).toEqual(body)
      expect(ProposalEnvelope.proposalIdOf(data)).toBe(proposalId)
      expect(bytesOf(ProposalEnvelope.bodyOf(data)!)).toEqual(body)
    },
    { arbitrary: { runs: 200, seed: 15 } }
  )

  it("lets a body be written in place", () => {
    const data = ProposalEnvelope.allocate(0xfedc_ba98_7654_3210n, 4)
    data.write("body", ProposalEnvelope.headerBytes)
    expect(data).toEqual(golden)
  })

  it("answers no id and no body of what is no envelope", () => {
    for (const data of [hex(""), hex("01 fedcba98765432"), hex("02 fedcba9876543210 00")]) {
      expect(ProposalEnvelope.proposalIdOf(data)).toBeUndefined()
      expect(ProposalEnvelope.bodyOf(data)).toBeUndefined()
    }
    const other = ProposalEnvelope.decode(hex("02 fedcba9876543210 00"))
    expect(failureOf(other)).toMatchObject({ reason: "unknownVersion", offset: 0 })
  })
})

describeTotalDecoder("proposal envelope", {
  decode: ProposalEnvelope.decode,
  encode: ProposalEnvelope.encode,
  valid: [golden],
  failures: ["Malformed"]
})
