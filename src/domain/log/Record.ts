/**
 * A small record with a checksum that says what it is and whose it is (SPEC §8): hard state, snapshot
 * pointer, local, sidecar, writers, applied index.
 *
 * Why it exists: LMDB has no checksums, and of 60 single flipped bits 38 came back as other values.
 * The checksum covers the label and the group, which are not stored, so a record that is read under
 * another name or in another group is corruption too. A CRC finds damage, not forgery: whoever can
 * write the file can compute it.
 *
 * Shape: `body ‖ checksum(4)`, checksum = CRC-32 of `label ‖ 0x00 ‖ groupId(2) ‖ body`. The version of
 * a body is the body's own. Proof: `Record.test.ts`.
 */
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import { asBuffer, type Decoded } from "../bytes/ByteReader.ts"
import type { GroupId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { RecordCorrupted } from "./Errors.ts"

/** What a record is (`"hardState"`, ASCII, no NUL) and the group it belongs to. */
export interface Identity {
  readonly label: string
  readonly groupId: GroupId
}

/** What a record costs beside its body. */
export const checksumBytes = 4

/** `body ‖ checksum`, in memory of its own. */
export function encode(identity: Identity, body: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(body.length + checksumBytes)
  record.set(body)
  record.writeUInt32BE(checksumOf(identity, body), body.length)
  return record
}

/** The body as a view of `record`. Fails with `truncated` or `checksumMismatch`. */
export function decode(
  identity: Identity,
  record: Uint8Array
): Result.Result<Buffer, RecordCorrupted> {
  if (record.length < checksumBytes) return corrupted(identity, "truncated")
  const bytes = asBuffer(record)
  const body = bytes.subarray(0, bytes.length - checksumBytes)
  return bytes.readUInt32BE(body.length) === checksumOf(identity, body)
    ? Result.succeed(body)
    : corrupted(identity, "checksumMismatch")
}

/** Decodes a record whose body has a format of its own; bytes that are not of it are `malformed`. */
export function decodeAs<A>(
  identity: Identity,
  record: Uint8Array,
  decodeBody: (body: Buffer) => Decoded<A>
): Result.Result<A, RecordCorrupted> {
  const body = decode(identity, record)
  if (Result.isFailure(body)) return Result.fail(body.failure)
  const value = decodeBody(body.success)
  return Result.isFailure(value) ? corrupted(identity, "malformed") : Result.succeed(value.success)
}

/** The failure, for a reader that finds a decoded record missing or contradicting itself. */
export const corrupted = (
  { label, groupId }: Identity,
  reason: RecordCorrupted["reason"]
): Result.Result<never, RecordCorrupted> =>
  Result.fail(new RecordCorrupted({ record: label, groupId, reason }))

/** The checksum that a record ends with; short for its content where chance, not malice, is feared. */
export const checksumIn = (record: Uint8Array): number =>
  asBuffer(record).readUInt32BE(record.length - checksumBytes)

function checksumOf({ label, groupId }: Identity, body: Uint8Array): number {
  invariant(!label.includes("\0"), "a record's label ends where its NUL stands")
  const identity = Buffer.allocUnsafe(label.length + 3)
  identity.write(label, 0, label.length, "latin1")
  identity.writeUInt8(0, label.length)
  identity.writeUInt16BE(groupId, label.length + 1)
  return crc32(body, crc32(identity))
}
