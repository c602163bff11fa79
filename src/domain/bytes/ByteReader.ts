/**
 * A bounded cursor over bytes that somebody else wrote.
 *
 * Why it exists: a decoder must refuse every wrong input with a reason and never throw, hang or
 * allocate by a length it has not checked. The reader makes that the easy way: **the first refusal
 * sticks**. From then on every read answers zero or nothing and every count answers 0, so a decoder
 * is straight-line code without a branch per field, and {@link ByteReader.end} gives the verdict.
 *
 * How every decoder of the domain reports: it returns a `Result` and throws nothing. A byte format
 * fails with {@link Malformed}; one that guards stored state fails with the typed corruption of its
 * area, which carries the same reasons.
 *
 * What must never happen here: a read outside `[from, until)`, a number that is not exact, a copy of
 * the input ({@link ByteReader.bytes} answers views). Proof: `ByteReader.test.ts`, and the fuzz test
 * of every decoder.
 */
import * as Result from "effect/Result"
import { Malformed, type Reason } from "./Errors.ts"

/** What a decoder of a byte format returns. */
export type Decoded<A> = Result.Result<A, Malformed>

const nothing = Buffer.alloc(0)

/** Integers are big-endian. One reader serves one decode and is not shared. */
export class ByteReader {
  readonly #format: string
  readonly #bytes: Buffer
  #offset = 0
  #refusal: Malformed | undefined = undefined

  /** `format` names in an error what was being read: `"proposal envelope"`. */
  constructor(format: string, bytes: Uint8Array) {
    this.#format = format
    this.#bytes = asBuffer(bytes)
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /** Has something been refused? Loops that do not count on {@link count} must ask. */
  get isRefused(): boolean {
    return this.#refusal !== undefined
  }

  /** 1 byte. */
  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : this.#bytes[at]!
  }

  /** The next byte, without consuming it; 0 if there is none. */
  peekU8(): number {
    return this.#refusal === undefined ? (this.#bytes[this.#offset] ?? 0) : 0
  }

  /** 2 bytes. */
  u16(): number {
    const at = this.#take(2)
    return at < 0 ? 0 : this.#bytes.readUInt16BE(at)
  }

  /** 4 bytes. */
  u32(): number {
    const at = this.#take(4)
    return at < 0 ? 0 : this.#bytes.readUInt32BE(at)
  }

  /** 8 bytes; above 2^53 − 1 is `outOfRange`, because a JavaScript number could not hold it. */
  u64(): number {
    const at = this.#take(8)
    if (at < 0) return 0
    const high = this.#bytes.readUInt32BE(at)
    if (high > 0x1f_ffff) return this.#refuseAt("outOfRange", at)
    return high * 2 ** 32 + this.#bytes.readUInt32BE(at + 4)
  }

  /** 8 bytes, all values. */
  u64BigInt(): bigint {
    const at = this.#take(8)
    return at < 0 ? 0n : this.#bytes.readBigUInt64BE(at)
  }

  /** The next `length` bytes, as a view of the input. */
  bytes(length: number): Buffer {
    const at = this.#take(length)
    return at < 0 ? nothing : this.#bytes.subarray(at, at + length)
  }

  /** Everything that is left, as a view of the input. */
  rest(): Buffer {
    return this.bytes(this.remaining)
  }

  /** 16 bytes as 32 lower-case hex digits, the spelling of the 128-bit identifiers. */
  hex128(): string {
    const at = this.#take(16)
    return at < 0 ? "" : this.#bytes.toString("hex", at, at + 16)
  }

  /** A number that must lie in `[min, max]`, read by one of the readers above. */
  within(read: "u8" | "u16" | "u32" | "u64", min: number, max: number): number {
    const at = this.#offset
    const value = this[read]()
    if (this.isRefused || (value >= min && value <= max)) return value
    return this.#refuseAt("outOfRange", at)
  }

  /** 1 byte that selects something, in `[min, max]`; else refused for `reason`, where it stands. */
  choice(min: number, max: number, reason: "unknownFlag" | "unknownTag" | "outOfRange"): number {
    const at = this.#offset
    const value = this.u8()
    if (this.isRefused || (value >= min && value <= max)) return value
    return this.#refuseAt(reason, at)
  }

  /** `length ‖ bytes` with a length in `[min, max]`; the length is as wide as `read`. */
  block(read: "u8" | "u16" | "u32", min: number, max: number): Buffer {
    return this.bytes(this.within(read, min, max))
  }

  /**
   * How many items follow, refused as `truncated` unless that many of at least `itemBytesMin` bytes
   * can: what bounds every list a decoder allocates by the size of its input.
   */
  count(read: "u8" | "u16" | "u32", itemBytesMin: number): number {
    const at = this.#offset
    const value = this[read]()
    if (value * itemBytesMin <= this.remaining) return value
    return this.#refuseAt("truncated", at)
  }

  /** The first byte of a format: its version, of which this release knows exactly one. */
  version(known: number): void {
    const at = this.#offset
    if (this.u8() !== known) this.#refuseAt("unknownVersion", at)
  }

  /** Refuses the bytes; the first refusal is the one reported. Answers 0 for use in expressions. */
  refuse(reason: Reason): 0 {
    return this.#refuseAt(reason, this.#offset)
  }

  /** The verdict: `value`, if nothing was refused and nothing is left. */
  end<A>(value: A): Decoded<A> {
    if (this.remaining > 0) this.refuse("trailingBytes")
    return this.#refusal === undefined ? Result.succeed(value) : Result.fail(this.#refusal)
  }

  /** A verdict at once: what an earlier read refused, else `reason`. */
  refused(reason: Reason): Result.Result<never, Malformed> {
    this.refuse(reason)
    return Result.fail(this.#refusal!)
  }

  #take(length: number): number {
    if (this.#refusal !== undefined) return -1
    if (length < 0 || length > this.remaining) {
      this.refuse("truncated")
      return -1
    }
    const at = this.#offset
    this.#offset += length
    return at
  }

  #refuseAt(reason: Reason, offset: number): 0 {
    this.#refusal ??= new Malformed({ format: this.#format, reason, offset })
    return 0
  }
}

/** The same memory as a `Buffer`, whose readers are the fast ones. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
