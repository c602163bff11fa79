import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Revision } from "../../../src/domain/Ids.ts"
import * as KvResult from "../../../src/domain/kv/Result.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"

const revision = (value: number) => value as Revision
const found = {
  revision: revision(9),
  createRevision: revision(5),
  value: Buffer.from("v")
}

// Written by hand from the layout in Result.ts.
const golden: ReadonlyArray<readonly [KvResult.KvResult, Buffer]> = [
  [{ _tag: "Written", revision: revision(0x0102) }, hex("01 0000000000000102")],
  [{ _tag: "Deleted", revision: revision(3), deleted: true }, hex("02 0000000000000003 01")],
  [{ _tag: "Deleted", revision: revision(3), deleted: false }, hex("02 0000000000000003 00")],
  [{ _tag: "Found", found }, hex("03 0000000000000009 0000000000000005 76")],
  [{ _tag: "NotFound" }, hex("04")],
  [
    { _tag: "Entries", revision: revision(0), isComplete: true, entries: [] },
    hex("05 0000000000000000 01 00000000")
  ],
  [
    {
      _tag: "Entries",
      revision: revision(0x0a0b),
      isComplete: false,
      entries: [{ key: Buffer.from("k"), ...found }]
    },
    hex(`05 0000000000000a0b 00 00000001
      0001 6b 0000000000000009 0000000000000005 00000001 76`)
  ],
  [{ _tag: "TxnReadTooLarge" }, hex("07")],
  [
    {
      _tag: "TxnDone",
      succeeded: true,
      revision: revision(9),
      results: [
        { _tag: "Written", revision: revision(9) },
        { _tag: "Deleted", revision: revision(9), deleted: false },
        { _tag: "Found", found },
        { _tag: "NotFound" }
      ]
    },
    hex(`06 01 0000000000000009 04
      00000009 01 0000000000000009
      0000000a 02 0000000000000009 00
      00000012 03 0000000000000009 0000000000000005 76
      00000001 04`)
  ]
]

describe("KV result", () => {
  it("is the golden bytes", () => {
    for (const [result, bytes] of golden) {
      expect(KvResult.encode(result)).toEqual(bytes)
      expect(Result.getOrThrow(KvResult.decode(bytes))).toEqual(result)
    }
  })

  it.prop(
    "round-trips entries",
    {
      isComplete: Schema.Boolean,
      entries: Schema.Array(
        Schema.Struct({
          key: Schema.NonEmptyString.check(Schema.isMaxLength(200)),
          value: Schema.String,
          revision: int(1, 1000)
        })
      )
    },
    ({ entries, isComplete }) => {
      const written: KvResult.KvResult = {
        _tag: "Entries",
        revision: revision(1000),
        isComplete,
        entries: entries.map(({ key, revision: at, value }) => ({
          key: Buffer.from(key),
          value: Buffer.from(value),
          revision: revision(at),
          createRevision: revision(Math.ceil(at / 2))
        }))
      }
      expect(Result.getOrThrow(KvResult.decode(KvResult.encode(written)))).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 52, size: 30 } }
  )

  it("refuses tags it does not know, revisions out of range, and results inside results", () => {
    const refused = (digits: string) => failureOf(KvResult.decode(hex(digits)))
    for (const digits of ["00", "08", "ff"]) {
      expect(refused(digits)).toMatchObject({ reason: "unknownTag" })
    }
    expect(refused("")).toMatchObject({ _tag: "Malformed" })
    const above = (Limits.revisionMax + 1).toString(16).padStart(16, "0")
    expect(refused(`01 ${above}`)).toMatchObject({ reason: "outOfRange" })
    expect(refused("03 0000000000000005 0000000000000006")).toMatchObject({ reason: "outOfRange" })
    const nested = `06 01 ${"00".repeat(8)} 01 0000000b 06 00 ${"00".repeat(8)} 00`
    expect(refused(nested)).toMatchObject({ reason: "unknownTag" })
  })
})

describeTotalDecoder("KV result", {
  decode: KvResult.decode,
  encode: KvResult.encode,
  valid: golden.map(([, bytes]) => bytes),
  failures: ["Malformed"]
})
