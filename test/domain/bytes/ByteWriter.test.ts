import { describe, expect, it } from "@effect/vitest"
import { ByteWriter } from "../../../src/domain/bytes/ByteWriter.ts"
import { hex } from "./Decoding.ts"

describe("ByteWriter", () => {
  it("writes big-endian numbers, text and bytes in order", () => {
    const bytes = ByteWriter.allocate(43)
      .u8(0x01)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(Number.MAX_SAFE_INTEGER)
      .u64BigInt(0xffff_ffff_ffff_fffen)
      .hex128("000102030405060708090a0b0c0d0e0f")
      .ascii("az")
      .bytes(Uint8Array.of(7, 8))
      .done()
    expect(bytes).toEqual(
      hex(`01 0203 04050607 001fffffffffffff fffffffffffffffe
        000102030405060708090a0b0c0d0e0f 617a 0708`)
    )
  })

  it("never hands out a buffer with a byte that was not written", () => {
    expect(() => ByteWriter.allocate(2).u8(1).done()).toThrow("exactly the size")
  })

  it("never writes past the end of its range", () => {
    const bytes = Buffer.alloc(4)
    expect(() => ByteWriter.within(bytes, 1, 2).u8(1).u16(2)).toThrow("no more than the size")
    expect(() => ByteWriter.within(bytes, 1, 2).bytes(new Uint8Array(3))).toThrow("no more")
    expect(bytes).toEqual(Buffer.from([0, 1, 0, 0]))
    expect(() => ByteWriter.within(bytes, 3, 2)).toThrow("inside its buffer")
  })

  it("refuses numbers that do not fit, and identifiers that are not 32 hex digits", () => {
    const writer = ByteWriter.allocate(64)
    for (const value of [-1, 0.5, 2 ** 53]) expect(() => writer.u64(value)).toThrow("64-bit")
    expect(() => writer.u8(256)).toThrow()
    expect(() => writer.u16(65536)).toThrow()
    expect(() => writer.u32(-1)).toThrow()
    expect(() => writer.hex128("00".repeat(15))).toThrow("32 hex digits")
    expect(() => writer.hex128("zz".repeat(16))).toThrow("32 hex digits")
  })
})
