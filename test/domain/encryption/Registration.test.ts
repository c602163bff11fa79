import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Registration from "../../../src/domain/encryption/Registration.ts"
import { Incarnation, type LocalEpoch, NodeName, OpeningId } from "../../../src/domain/Ids.ts"
import { describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const registration: Registration.Registration = {
  keyId: Samples.keyId,
  ...Samples.writer,
  epoch: Samples.epoch(0x0102),
  openingId: Samples.openingId
}
// Written by hand from the layout in Registration.ts.
const golden = hex(`01 a1b2c3d4 02 6e31 202122232425262728292a2b2c2d2e2f 0102
  505152535455565758595a5b5c5d5e5f`)

describe("Registration", () => {
  it("is the golden bytes", () => {
    expect(Registration.encode(registration)).toEqual(golden)
    expect(Result.getOrThrow(Registration.decode(golden))).toEqual(registration)
  })

  it.prop(
    "round-trips",
    {
      keyId: int(1, 0xffffffff),
      nodeName: NodeName,
      incarnation: Incarnation,
      epoch: int(0, 0xffff),
      openingId: OpeningId
    },
    (any) => {
      const written = { ...any, keyId: Samples.key(any.keyId), epoch: Samples.epoch(any.epoch) }
      const read = Registration.decode(Registration.encode(written))
      expect(Result.getOrThrow(read)).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 32 } }
  )

  it("refuses a version it does not know, key id 0 and a name nobody could have chosen", () => {
    const refused = (edit: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(golden)
      edit(bytes)
      return failureOf(Registration.decode(bytes))
    }
    expect(refused((bytes) => bytes.fill(2, 0, 1))).toMatchObject({ reason: "unknownVersion" })
    expect(refused((bytes) => bytes.fill(0, 1, 5))).toMatchObject({ reason: "outOfRange" })
    expect(refused((bytes) => bytes.fill(" ", 6, 7))).toMatchObject({ reason: "outOfRange" })
  })

  it("never truncates an epoch", () => {
    const epoch = 0x10000 as LocalEpoch
    expect(() => Registration.encode({ ...registration, epoch })).toThrow("never truncated")
  })
})

describeTotalDecoder("registration", {
  decode: Registration.decode,
  encode: Registration.encode,
  valid: [golden],
  failures: ["Malformed"],
  isDelimited: true
})
