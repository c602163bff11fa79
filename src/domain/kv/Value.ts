/**
 * The value header: what stands before every value in the state store (SPEC §8).
 *
 * It alone says whether the bytes behind it are sealed; they are never looked at to find out.
 * Proof: `Value.test.ts`.
 *
 * Shape: `flags(1) ‖ revision(8) ‖ createRevision(8) ‖ bytes`; bits 0–1 of the flags: 0 plaintext,
 * 1 sealed; all other bits are 0, and any other value is refused as `unknownFlag`.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"

/** A stored value, taken apart. */
export interface Value {
  readonly isSealed: boolean
  /** Of the last request that wrote it. */
  readonly revision: Revision
  /** Of the request that created the key; at most `revision`. */
  readonly createRevision: Revision
  /** The value itself, or its storage envelope. */
  readonly bytes: Uint8Array
}

/** Bytes before the value or its envelope. */
export const headerBytes = 17

/** `bytes.length + 17` bytes. */
export const encode = (value: Value): Buffer =>
  writeHeader(ByteWriter.allocate(headerBytes + value.bytes.length), value)
    .bytes(value.bytes)
    .done()

/**
 * A value whose `bytesCount` bytes the caller writes from {@link headerBytes} on (for sealing in
 * place: one allocation for the whole value). Until then they are undefined memory.
 */
export function allocate(header: Omit<Value, "bytes">, bytesCount: number): Buffer {
  const stored = Buffer.allocUnsafe(headerBytes + bytesCount)
  writeHeader(ByteWriter.within(stored, 0, headerBytes), header).done()
  return stored
}

/** The bytes are a view of `stored`. */
export function decode(stored: Uint8Array): Decoded<Value> {
  const reader = new ByteReader("stored value", stored)
  const flags = reader.choice(0, 1, "unknownFlag")
  const revision = reader.within("u64", 1, Limits.revisionMax) as Revision
  const createRevision = reader.within("u64", 1, revision) as Revision
  return reader.end({ isSealed: flags === 1, revision, createRevision, bytes: reader.rest() })
}

const writeHeader = (
  writer: ByteWriter,
  { createRevision, isSealed, revision }: Omit<Value, "bytes">
): ByteWriter =>
  writer
    .u8(isSealed ? 1 : 0)
    .u64(revision)
    .u64(createRevision)
