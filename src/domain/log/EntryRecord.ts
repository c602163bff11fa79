/**
 * The value of the log's `entries` table (SPEC §8).
 *
 * Why it exists: the index is the table's key and the group is the table's file, so neither is stored;
 * the checksum covers both, and a record that was copied or restored to another index or group is
 * corruption. What must never happen here: damage read as "end of log", or as another entry.
 * Proof: `EntryRecord.test.ts` (every flipped bit, every wrong index).
 *
 * Shape: `term(8) ‖ kind(1) ‖ data ‖ checksum(4)`, kind 1 normal, 2 noop, 3 membership,
 * 4 registration; checksum = CRC-32 of `"sealog/entry" ‖ groupId(2) ‖ index(8) ‖ term ‖ kind ‖ data`.
 */
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { Entry, EntryKind } from "../raft/Entry.ts"
import { LogCorrupted } from "./Errors.ts"

/** What a record costs beside the entry's data. */
export const overheadBytes = 13

const headerBytes = 9
const checksumBytes = 4
const kinds = ["normal", "noop", "membership", "registration"] as const
const labelChecksum = crc32("sealog/entry")

/** One allocation; the entry's data is copied. */
export function encode(groupId: GroupId, entry: Entry): Buffer {
  invariant(entry.term >= 1 && entry.index >= 1, "an entry has a term and an index of at least 1")
  const size = overheadBytes + entry.data.length
  const record = Buffer.allocUnsafe(size)
  ByteWriter.within(record, 0, size - checksumBytes)
    .u64(entry.term)
    .u8(codeOf(entry.kind))
    .bytes(entry.data)
    .done()
  record.writeUInt32BE(checksumOf(groupId, entry.index, record), size - checksumBytes)
  return record
}

/** The entry whose record stands at `index`; its data is a view of `record`. */
export function decode(
  groupId: GroupId,
  index: LogIndex,
  record: Uint8Array
): Result.Result<Entry, LogCorrupted> {
  if (record.length < overheadBytes) return corrupted(groupId, index, "truncated")
  const bytes = asBuffer(record)
  const end = bytes.length - checksumBytes
  if (bytes.readUInt32BE(end) !== checksumOf(groupId, index, bytes)) {
    return corrupted(groupId, index, "checksumMismatch")
  }
  const kind = kinds[bytes[8]! - 1]
  if (kind === undefined) return corrupted(groupId, index, "badKind")
  const termHigh = bytes.readUInt32BE(0)
  const term = (termHigh * 2 ** 32 + bytes.readUInt32BE(4)) as Term
  if (termHigh > 0x1f_ffff || term === 0) return corrupted(groupId, index, "outOfRange")
  return Result.succeed({ term, index, kind, data: bytes.subarray(headerBytes, end) })
}

const codeOf = (kind: EntryKind): number => kinds.indexOf(kind) + 1

function checksumOf(groupId: GroupId, index: LogIndex, record: Buffer): number {
  const place = ByteWriter.allocate(10).u16(groupId).u64(index).done()
  const content = record.subarray(0, record.length - checksumBytes)
  return crc32(content, crc32(place, labelChecksum))
}

const corrupted = (groupId: GroupId, index: LogIndex, reason: LogCorrupted["reason"]) =>
  Result.fail(new LogCorrupted({ groupId, index, reason }))
