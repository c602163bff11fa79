/**
 * What a snapshot begins with: which index it stands for, and where the log was cut over (SPEC §16).
 *
 * Why it exists: a node that installs a snapshot must know from which index on entries are sealed before
 * it applies the next one. v1 says nothing of a cutover and is written while there was none; v2 is
 * written ever after. What must never happen: a snapshot of before and after the cutover that look
 * alike, or fields of a newer release taken for the body. Proof: `SnapshotHeader.test.ts`.
 *
 * Shapes: v1 `"SEALSNP1" ‖ ceiling(8)`, 16 bytes; v2 `"SEALSNP2" ‖ length(2) ‖ ceiling(8) ‖ cutover(8)`,
 * 26 bytes, the length being that of what follows it: 16, or more if a newer release added fields,
 * which are skipped.
 */
import * as Result from "effect/Result"
import { asBuffer, ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { LogIndex } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { SnapshotCorrupted, SnapshotVersionUnknown } from "./Errors.ts"

/** What the header says. */
export interface SnapshotHeader {
  /** The applied index of the snapshot; at least 1. */
  readonly ceiling: LogIndex
  /** The cutover index, at most `ceiling`; 0 = not cut over, and version 1. */
  readonly cutover: LogIndex
}

/** The header, and where the body begins. */
export interface Decoded {
  readonly header: SnapshotHeader
  readonly bodyFrom: number
}

/** No header is longer: enough of a stream to decode it, unless its end comes before. */
export const bytesMax = 8 + 2 + 0xffff

const magic = "SEALSNP"
const versions = { one: 0x31, two: 0x32 } as const
const fieldBytes = 16

/** 16 bytes (v1) iff `cutover` is 0, else 26 (v2). */
export function encode({ ceiling, cutover }: SnapshotHeader): Buffer {
  invariant(ceiling >= 1, "a snapshot stands for at least one entry")
  invariant(cutover <= ceiling, "a snapshot knows no cutover after its index")
  if (cutover === 0) {
    return ByteWriter.allocate(16).ascii(magic).u8(versions.one).u64(ceiling).done()
  }
  return ByteWriter.allocate(26)
    .ascii(magic)
    .u8(versions.two)
    .u16(fieldBytes)
    .u64(ceiling)
    .u64(cutover)
    .done()
}

/**
 * The header at the beginning of `bytes`, which may go on with the body. Fails with `notASnapshot`;
 * `truncated`; `outOfRange`: an index that cannot be; `notCanonical`: a v2 without a cutover;
 * `SnapshotVersionUnknown`.
 */
export function decode(
  bytes: Uint8Array
): Result.Result<Decoded, SnapshotCorrupted | SnapshotVersionUnknown> {
  const input = asBuffer(bytes)
  const begin = input.subarray(0, magic.length).toString("latin1")
  if (begin !== magic) return corrupted(magic.startsWith(begin) ? "truncated" : "notASnapshot")
  const version = input[magic.length]
  switch (version) {
    case undefined:
      return corrupted("truncated")
    case versions.one:
      return decodeFields(input.subarray(8, 16), { hasCutover: false, bodyFrom: 16 })
    case versions.two: {
      if (input.length < 10) return corrupted("truncated")
      const length = input.readUInt16BE(8)
      const bodyFrom = 10 + length
      if (length < fieldBytes || input.length < bodyFrom) return corrupted("truncated")
      return decodeFields(input.subarray(10, 26), { hasCutover: true, bodyFrom })
    }
    default:
      return Result.fail(new SnapshotVersionUnknown({ version }))
  }
}

function decodeFields(
  fields: Buffer,
  { bodyFrom, hasCutover }: { readonly hasCutover: boolean; readonly bodyFrom: number }
): Result.Result<Decoded, SnapshotCorrupted> {
  const reader = new ByteReader("snapshot header", fields)
  const ceiling = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as LogIndex
  const cutover = (hasCutover ? reader.within("u64", 0, ceiling) : 0) as LogIndex
  const header = reader.end({ ceiling, cutover })
  if (Result.isFailure(header)) {
    return corrupted(header.failure.reason === "truncated" ? "truncated" : "outOfRange")
  }
  return hasCutover && cutover === 0
    ? corrupted("notCanonical")
    : Result.succeed({ header: header.success, bodyFrom })
}

const corrupted = (reason: SnapshotCorrupted["reason"]): Result.Result<never, SnapshotCorrupted> =>
  Result.fail(new SnapshotCorrupted({ reason }))
