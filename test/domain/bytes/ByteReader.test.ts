import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { ByteReader } from "../../../src/domain/bytes/ByteReader.ts"
import { failureOf, hex } from "./Decoding.ts"

const reader = (digits: string) => new ByteReader("sample", hex(digits))

describe("ByteReader", () => {
  it("reads big-endian numbers in order", () => {
    const bytes = reader("01 0203 04050607 0001020304050607 ffffffffffffffff")
    expect([bytes.peekU8(), bytes.u8(), bytes.u16(), bytes.u32()]).toEqual([
      1, 1, 0x0203, 0x04050607
    ])
    expect(bytes.u64()).toBe(0x0001020304050607)
    expect(bytes.u64BigInt()).toBe(0xffff_ffff_ffff_ffffn)
    expect(Result.isSuccess(bytes.end(null))).toBe(true)
  })

  it("reads 2^53 − 1 and refuses 2^53", () => {
    expect(reader("001fffffffffffff").u64()).toBe(Number.MAX_SAFE_INTEGER)
    const above = reader("00 0020000000000000")
    above.u8()
    expect(above.u64()).toBe(0)
    expect(failureOf(above.end(null))).toMatchObject({ reason: "outOfRange", offset: 1 })
  })

  it("reports the first refusal, where it was, and reads nothing after it", () => {
    const bytes = reader("0102030405060708")
    bytes.u16()
    bytes.u64()
    expect([bytes.u8(), bytes.u16(), bytes.u32(), bytes.u64(), bytes.peekU8()]).toEqual([
      0, 0, 0, 0, 0
    ])
    expect([bytes.rest().length, bytes.bytes(1).length, bytes.hex128()]).toEqual([0, 0, ""])
    expect(bytes.count("u8", 1)).toBe(0)
    bytes.refuse("unknownTag")
    expect(failureOf(bytes.end(null))).toMatchObject({
      _tag: "Malformed",
      format: "sample",
      reason: "truncated",
      offset: 2
    })
  })

  it("refuses what is left at the end", () => {
    const bytes = reader("0102")
    bytes.u8()
    expect(failureOf(bytes.end(null))).toMatchObject({ reason: "trailingBytes", offset: 1 })
  })

  it("refuses a count that cannot be followed by as many items, before anybody allocates", () => {
    const bytes = reader("ffffffff 0000")
    expect(bytes.count("u32", 1)).toBe(0)
    expect(failureOf(bytes.end(null))).toMatchObject({ reason: "truncated", offset: 0 })
    expect(reader("02 00000000").count("u8", 2)).toBe(2)
  })

  it("refuses a number outside its bounds and a block longer than its bytes", () => {
    const number = reader("05")
    number.within("u8", 1, 4)
    expect(failureOf(number.end(null))).toMatchObject({ reason: "outOfRange", offset: 0 })
    const block = reader("0003 0102")
    block.block("u16", 0, 100)
    expect(failureOf(block.end(null))).toMatchObject({ reason: "truncated", offset: 2 })
  })

  it("refuses a choice it does not know, for the reason given, where it stands", () => {
    const bytes = reader("0103")
    expect(bytes.choice(1, 2, "unknownTag")).toBe(1)
    expect(bytes.choice(1, 2, "unknownTag")).toBe(0)
    expect(failureOf(bytes.end(null))).toMatchObject({ reason: "unknownTag", offset: 1 })
  })

  it("never goes backwards", () => {
    const bytes = reader("010203")
    bytes.u16()
    bytes.bytes(-2)
    expect(failureOf(bytes.end(null))).toMatchObject({ reason: "truncated", offset: 2 })
  })

  it("answers views of its input, also of one that lies inside another buffer", () => {
    const input = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)
    const view = new ByteReader("sample", input).bytes(2)
    input[0] = 7
    expect([...view]).toEqual([7, 2])
  })

  it("refuses any version but the one it is asked for", () => {
    const bytes = reader("02")
    bytes.version(1)
    expect(failureOf(bytes.end(null))).toMatchObject({ reason: "unknownVersion", offset: 0 })
    const none = reader("")
    none.version(1)
    expect(failureOf(none.end(null))).toMatchObject({ reason: "truncated" })
  })
})
