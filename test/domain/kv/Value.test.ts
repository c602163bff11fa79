import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Revision } from "../../../src/domain/Ids.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { bytesOf, describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"

const revision = (value: number) => value as Revision
const sealed = {
  isSealed: true,
  revision: revision(0x0304),
  createRevision: revision(0x0102),
  bytes: Buffer.from("v")
}
// By hand from SPEC §8.
const golden = hex("01 0000000000000304 0000000000000102 76")
const goldenPlain = hex("00 0000000000000304 0000000000000102 76")

describe("value header", () => {
  it("is the golden bytes", () => {
    expect(Value.encode(sealed)).toEqual(golden)
    expect(Value.encode({ ...sealed, isSealed: false })).toEqual(goldenPlain)
    expect(Result.getOrThrow(Value.decode(golden))).toEqual(sealed)
    expect(golden.length).toBe(Value.headerBytes + 1)
  })

  it("lets its bytes be written in place", () => {
    const stored = Value.allocate(sealed, 1)
    stored.write("v", Value.headerBytes)
    expect(stored).toEqual(golden)
  })

  it.prop(
    "round-trips",
    {
      isSealed: Schema.Boolean,
      a: int(1, Limits.revisionMax),
      b: int(1, Limits.revisionMax),
      bytes: Schema.Uint8Array
    },
    ({ a, b, bytes, isSealed }) => {
      const written = {
        isSealed,
        revision: revision(Math.max(a, b)),
        createRevision: revision(Math.min(a, b)),
        bytes
      }
      const read = Result.getOrThrow(Value.decode(Value.encode(written)))
      expect({ ...read, bytes: bytesOf(read.bytes) }).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 53 } }
  )

  it("refuses every state and flag but plaintext and sealed", () => {
    for (let flags = 2; flags < 256; flags++) {
      const bytes = Buffer.from(golden)
      bytes[0] = flags
      expect(failureOf(Value.decode(bytes))).toMatchObject({ reason: "unknownFlag", offset: 0 })
    }
  })

  it("refuses a revision of 0 or beyond 2^48 − 1, and one created after it was written", () => {
    const refused = (at: string, created: string) =>
      failureOf(Value.decode(hex(`00 ${at} ${created}`)))
    for (const [at, created] of [
      ["0000000000000000", "0000000000000000"],
      ["0001000000000000", "0000000000000001"],
      ["0000000000000005", "0000000000000006"],
      ["0000000000000005", "0000000000000000"]
    ] as const) {
      expect(refused(at, created)).toMatchObject({ reason: "outOfRange" })
    }
  })
})

describeTotalDecoder("value header", {
  decode: Value.decode,
  encode: Value.encode,
  valid: [golden, goldenPlain],
  failures: ["Malformed"]
})
