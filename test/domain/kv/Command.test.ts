import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Revision } from "../../../src/domain/Ids.ts"
import * as Command from "../../../src/domain/kv/Command.ts"
import type { Span } from "../../../src/domain/kv/Span.ts"
import type * as Txn from "../../../src/domain/kv/Txn.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"

const bytes = (text: string) => Buffer.from(text)
const key = bytes("k")

const between = (from: string, until: string | undefined): Span => ({
  _tag: "Between",
  from: bytes(from),
  until: until === undefined ? undefined : bytes(until)
})
const txn: Txn.Txn = {
  _tag: "Txn",
  compares: [
    { _tag: "Exists", key, exists: true },
    { _tag: "Revision", key, operator: "less", revision: 0x0102 as Revision },
    { _tag: "Value", key: bytes("l"), operator: "notEqual", value: bytes("v") }
  ],
  onSuccess: [
    { _tag: "Put", key, value: bytes("v") },
    { _tag: "Delete", key: bytes("l") }
  ],
  onFailure: [{ _tag: "Get", key }]
}

// Written by hand from the layout in Command.ts.
const golden: ReadonlyArray<readonly [Command.Command, Buffer]> = [
  [{ _tag: "Put", key, value: bytes("val") }, hex("01 0001 6b 76616c")],
  [{ _tag: "Put", key, value: bytes("") }, hex("01 0001 6b")],
  [{ _tag: "Delete", key }, hex("02 6b")],
  [{ _tag: "Get", key }, hex("03 6b")],
  [
    { _tag: "Range", span: between("a", "b"), limit: 10, continuation: undefined },
    hex("04 00 0001 61 0001 62 0000000a")
  ],
  [
    { _tag: "Range", span: between("", undefined), limit: 10_000, continuation: bytes("c") },
    hex("04 00 0000 0000 00002710 63")
  ],
  [
    {
      _tag: "Range",
      span: { _tag: "Prefix", prefix: bytes("p") },
      limit: 1,
      continuation: undefined
    },
    hex("04 01 0001 70 00000001")
  ],
  [
    txn,
    hex(`05
      03 0001 6b 01 01  0001 6b 02 03 0000000000000102  0001 6c 03 02 00000001 76
      02 01 0001 6b 00000001 76  02 0001 6c
      01 03 0001 6b`)
  ],
  [{ _tag: "Txn", compares: [], onSuccess: [], onFailure: [] }, hex("05 00 00 00")]
]

const anyKey = Schema.String.check(Schema.isPattern(/^[a-z]{1,9}$/))
const anyOperation = Schema.Struct({
  _tag: Schema.Literals(["Put", "Delete", "Get"]),
  key: anyKey,
  value: Schema.String
})
const operationOf = ({ _tag, key, value }: typeof anyOperation.Type): Txn.Operation =>
  _tag === "Put" ? { _tag, key: bytes(key), value: bytes(value) } : { _tag, key: bytes(key) }

/** One operation per key. */
const branchOf = (operations: ReadonlyArray<typeof anyOperation.Type>) =>
  [...new Map(operations.map((each) => [each.key, each])).values()].slice(0, 128).map(operationOf)

describe("KV command", () => {
  it("is the golden bytes, and within its limits", () => {
    for (const [command, encoded] of golden) {
      expect(Command.encode(command)).toEqual(encoded)
      expect(Result.getOrThrow(Command.decode(encoded))).toEqual(command)
      expect(Command.refusalOf(command)).toBeUndefined()
    }
  })

  it.prop(
    "round-trips transactions",
    {
      compares: Schema.Array(
        Schema.Struct({
          key: anyKey,
          operator: Schema.Literals(["equal", "notEqual", "less", "greater"]),
          revision: int(0, Limits.revisionMax)
        })
      ),
      onSuccess: Schema.Array(anyOperation),
      onFailure: Schema.Array(anyOperation)
    },
    ({ compares, onFailure, onSuccess }) => {
      const written: Txn.Txn = {
        _tag: "Txn",
        compares: compares.slice(0, 128).map(({ key, operator, revision }) => ({
          _tag: "Revision",
          key: bytes(key),
          operator,
          revision: revision as Revision
        })),
        onSuccess: branchOf(onSuccess),
        onFailure: branchOf(onFailure)
      }
      expect(Command.refusalOf(written)).toBeUndefined()
      expect(Result.getOrThrow(Command.decode(Command.encode(written)))).toEqual(written)
    },
    { arbitrary: { runs: 200, seed: 51, size: 30 } }
  )

  it("knows which requests change nothing", () => {
    const isReadOnly = golden.map(([command]) => Command.isReadOnly(command))
    expect(isReadOnly).toEqual([false, false, false, true, true, true, true, false, true])
  })

  it("refuses the same at the edge and at apply: keys, values, counts, limits", () => {
    const long = Buffer.alloc(Limits.keyBytesMax + 1)
    const large = Buffer.alloc(Limits.valueBytesMax + 1)
    const get = (each: Buffer) => ({ _tag: "Get" as const, key: each })
    const range = { _tag: "Range" as const, span: between("", undefined), continuation: undefined }
    const many = Array.from({ length: 129 }, (_, at) => get(bytes(`k${at}`)))
    const cases: ReadonlyArray<readonly [Command.Command, string]> = [
      [get(bytes("")), "KeyEmpty"],
      [get(long), "KeyTooLarge"],
      [{ _tag: "Put", key: bytes(""), value: key }, "KeyEmpty"],
      [{ _tag: "Put", key, value: large }, "ValueTooLarge"],
      [{ ...range, limit: 0 }, "RangeLimitOutOfRange"],
      [{ ...range, limit: Limits.rangeEntriesMax + 1 }, "RangeLimitOutOfRange"],
      [{ ...range, limit: 1, continuation: long }, "KeyTooLarge"],
      [{ ...range, limit: 1, span: { _tag: "Prefix", prefix: long } }, "KeyTooLarge"],
      [{ ...txn, compares: [{ _tag: "Exists", key: bytes(""), exists: false }] }, "KeyEmpty"],
      [{ ...txn, onSuccess: [{ _tag: "Put", key, value: large }] }, "ValueTooLarge"],
      [
        {
          ...txn,
          compares: [
            {
              _tag: "Revision",
              key,
              operator: "equal",
              revision: (Limits.revisionMax + 1) as Revision
            }
          ]
        },
        "RevisionOutOfRange"
      ],
      [{ ...txn, onFailure: [get(key), { _tag: "Delete", key }] }, "KeyRepeated"],
      [{ ...txn, onSuccess: many }, "TooManyOperations"]
    ]
    for (const [command, tag] of cases) {
      expect(Command.refusalOf(command)?._tag).toBe(tag)
      expect(Result.isFailure(Command.decode(Command.encode(command)))).toBe(true)
    }
    const half: Command.Command = { ...range, limit: 1.5 }
    expect(Command.refusalOf(half)?._tag).toBe("RangeLimitOutOfRange")
  })

  it("accepts what is exactly at its limits", () => {
    const longest = Buffer.alloc(Limits.keyBytesMax, 1)
    const largest = Buffer.alloc(Limits.valueBytesMax)
    const many = Array.from({ length: 128 }, (_, at) => ({
      _tag: "Get" as const,
      key: bytes(`${at}`)
    }))
    const commands: ReadonlyArray<Command.Command> = [
      { _tag: "Put", key: longest, value: largest },
      { ...txn, onSuccess: many }
    ]
    for (const command of commands) {
      expect(Command.refusalOf(command)).toBeUndefined()
      expect(Result.getOrThrow(Command.decode(Command.encode(command)))).toEqual(command)
    }
  })

  it("refuses a request above 4 MiB, at the edge and at apply", () => {
    const value = Buffer.alloc(Limits.valueBytesMax)
    const puts = ["a", "b", "c", "d"].map((each) => ({
      _tag: "Put" as const,
      key: bytes(each),
      value
    }))
    const command: Command.Command = { ...txn, onSuccess: puts }
    expect(Command.refusalOf(command)?._tag).toBe("RequestTooLarge")
    expect(failureOf(Command.decode(Command.encode(command)))).toMatchObject({
      reason: "outOfRange"
    })
  })

  it("refuses tags and operators it does not know", () => {
    const refused = (digits: string) => failureOf(Command.decode(hex(digits)))
    for (const tag of ["00 6b", "06 6b", "ff"]) {
      expect(refused(tag)).toMatchObject({ reason: "unknownTag" })
    }
    expect(refused("04 02 0000 00000001")).toMatchObject({ reason: "unknownTag", offset: 1 })
    expect(refused("05 00 01 04 0001 6b 00")).toMatchObject({ reason: "unknownTag", offset: 3 })
    expect(refused("05 01 0001 6b 04 00 00 00")).toMatchObject({ reason: "unknownTag", offset: 5 })
    expect(refused("05 01 0001 6b 02 05 0000000000000000 00 00")).toMatchObject({
      reason: "unknownTag"
    })
    expect(refused("05 00 81")).toMatchObject({ reason: "outOfRange" })
    expect(refused("05 00 02 03 0001 6b 02 0001 6b 00")).toMatchObject({ reason: "repeated" })
    expect(refused("")).toMatchObject({ reason: "truncated" })
  })
})

describeTotalDecoder("KV command", {
  decode: Command.decode,
  encode: Command.encode,
  valid: golden.map(([, encoded]) => encoded),
  failures: ["Malformed"]
})
