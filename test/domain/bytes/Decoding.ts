/**
 * What every decoder of the domain is held to: whatever it is fed, it answers a `Result`, fails with the
 * errors it names, and reads one spelling of each value only.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(/\s/g, ""), "hex")

/** A schema of whole numbers, for properties. */
export const int = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const edits = Arbitrary.array(Arbitrary.all([int01(), byte()]), { minLength: 1, maxLength: 4 })

function int01() {
  return Arbitrary.map(Arbitrary.schema(int(0, 999)), (thousandths) => thousandths / 1000)
}

function byte() {
  return Arbitrary.schema(int(0, 255))
}

interface Decoder<A, E extends { readonly _tag: string }> {
  readonly decode: (bytes: Uint8Array) => Result.Result<A, E>
  /** One valid spelling per variant of the format. */
  readonly valid: ReadonlyArray<Uint8Array>
  /** The tags of everything it may fail with. */
  readonly failures: ReadonlyArray<E["_tag"]>
  /** If every value has one spelling. */
  readonly encode?: (value: A) => Uint8Array
  /** If the format ends where it says, so that no shorter bytes are of it. */
  readonly isDelimited?: boolean
}

/** Declares the tests. `name` is the format's. */
export function describeTotalDecoder<A, E extends { readonly _tag: string }>(
  name: string,
  decoder: Decoder<A, E>
): void {
  const { decode, encode, failures, isDelimited, valid } = decoder

  const check = (bytes: Uint8Array) => {
    const before = Uint8Array.from(bytes)
    const result = decode(bytes)
    expect(bytesOf(bytes)).toEqual(before)
    if (Result.isFailure(result)) expect(failures).toContain(result.failure._tag)
    else if (encode !== undefined) expect(bytesOf(encode(result.success))).toEqual(before)
  }

  describe(`decoding a ${name}`, () => {
    it("reads what is valid", () => {
      for (const bytes of valid) {
        expect(Result.isSuccess(decode(bytes))).toBe(true)
        check(bytes)
      }
    })

    it("refuses every truncation, or reads it as what it is", () => {
      for (const bytes of valid) {
        for (let length = 0; length < bytes.length; length++) {
          const truncated = bytes.subarray(0, length)
          check(truncated)
          if (isDelimited === true) expect(Result.isFailure(decode(truncated))).toBe(true)
        }
      }
    })

    it("refuses a trailing byte, or reads it as what it is", () => {
      for (const bytes of valid) {
        const longer = Uint8Array.from([...bytes, 0])
        check(longer)
        if (isDelimited === true) expect(Result.isFailure(decode(longer))).toBe(true)
      }
    })

    it("survives every single changed byte of a short input", () => {
      for (const bytes of valid) {
        for (let at = 0; at < Math.min(bytes.length, 200); at++) {
          for (const value of [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff]) {
            const changed = Uint8Array.from(bytes)
            changed[at] = value
            check(changed)
          }
        }
      }
    })

    it.prop("survives random bytes", { bytes: Schema.Uint8Array }, ({ bytes }) => check(bytes), {
      arbitrary: { runs: 300, seed: 1, size: 60 }
    })

    it.prop(
      "survives random bytes after a valid beginning",
      { which: int01(), cut: int01(), tail: Schema.Uint8Array },
      ({ cut, tail, which }) => {
        const bytes = valid[Math.floor(which * valid.length)]!
        check(Uint8Array.from([...bytes.subarray(0, Math.floor(cut * bytes.length)), ...tail]))
      },
      { arbitrary: { runs: 300, seed: 2, size: 60 } }
    )

    it.prop(
      "survives edits of valid bytes",
      { which: int01(), edits },
      ({ edits, which }) => {
        const bytes = Uint8Array.from(valid[Math.floor(which * valid.length)]!)
        for (const [where, value] of edits) bytes[Math.floor(where * bytes.length)] = value
        check(bytes)
      },
      { arbitrary: { runs: 500, seed: 3 } }
    )
  })
}

/** Every copy of `bytes` with one bit changed, and which. */
export function* flippedBits(
  bytes: Uint8Array
): Generator<{ readonly at: number; readonly changed: Uint8Array }> {
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const at = bit >> 3
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1 << (bit & 7)
    yield { at, changed }
  }
}

/** The failure of a result that must be one. */
export function failureOf<A, E>(result: Result.Result<A, E>): E {
  if (Result.isFailure(result)) return result.failure
  throw new Error("expected a failure")
}

/** Compares as bytes, whatever class holds them. */
export const bytesOf = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
