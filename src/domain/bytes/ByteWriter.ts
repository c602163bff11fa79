/**
 * Fills one buffer of a size that is known before the first byte is written.
 *
 * Why it exists: an encoder allocates once, and a size that disagrees with what is written is a bug
 * of the encoder that must not reach a disk. What must never happen here: an unwritten byte in the
 * output ({@link ByteWriter.done} checks), because the memory may hold something else's bytes.
 * Proof: `ByteWriter.test.ts`.
 */
import { invariant } from "../Invariant.ts"

/** Integers are big-endian. Writing past the end or a number that does not fit is a bug. */
export class ByteWriter {
  readonly #bytes: Buffer
  readonly #end: number
  #offset: number

  private constructor(bytes: Buffer, from: number, until: number) {
    this.#bytes = bytes
    this.#offset = from
    this.#end = until
  }

  /** A writer of exactly `size` bytes. */
  static allocate(size: number): ByteWriter {
    return new ByteWriter(Buffer.allocUnsafe(size), 0, size)
  }

  /** A writer of `[from, from + size)` of a buffer whose other bytes are somebody else's. */
  static within(bytes: Buffer, from: number, size: number): ByteWriter {
    invariant(from >= 0 && from + size <= bytes.length, "a writer's range lies inside its buffer")
    return new ByteWriter(bytes, from, from + size)
  }

  u8(value: number): this {
    this.#offset = this.#bytes.writeUInt8(value, this.#room(1))
    return this
  }

  u16(value: number): this {
    this.#offset = this.#bytes.writeUInt16BE(value, this.#room(2))
    return this
  }

  u32(value: number): this {
    this.#offset = this.#bytes.writeUInt32BE(value, this.#room(4))
    return this
  }

  /** 8 bytes from a number that is exact. */
  u64(value: number): this {
    invariant(Number.isSafeInteger(value) && value >= 0, "a 64-bit number is within 0..2^53 − 1")
    const at = this.#room(8)
    this.#bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at)
    this.#offset = this.#bytes.writeUInt32BE(value % 2 ** 32, at + 4)
    return this
  }

  u64BigInt(value: bigint): this {
    this.#offset = this.#bytes.writeBigUInt64BE(value, this.#room(8))
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length)
    this.#bytes.set(value, at)
    this.#offset = at + value.length
    return this
  }

  /** 16 bytes from 32 hex digits. */
  hex128(value: string): this {
    const at = this.#room(16)
    const written = this.#bytes.write(value, at, 16, "hex")
    invariant(value.length === 32 && written === 16, "an identifier of 128 bits is 32 hex digits")
    this.#offset = at + 16
    return this
  }

  /** One byte per character; only for text that is ASCII by its type. */
  ascii(value: string): this {
    const at = this.#room(value.length)
    this.#bytes.write(value, at, value.length, "latin1")
    this.#offset = at + value.length
    return this
  }

  /** The whole buffer, once every byte of the range has been written. */
  done(): Buffer {
    invariant(this.#offset === this.#end, "an encoder writes exactly the size it computed")
    return this.#bytes
  }

  #room(size: number): number {
    invariant(
      this.#offset + size <= this.#end,
      "an encoder writes no more than the size it computed"
    )
    return this.#offset
  }
}
