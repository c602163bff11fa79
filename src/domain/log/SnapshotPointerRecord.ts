/**
 * How the {@link SnapshotPointer} is kept in the log's `meta` table (SPEC §8).
 *
 * Shape of the body: `index(8) ‖ term(8) ‖ cutover(8) ‖ generation(8)`; a checksummed {@link Record}
 * around it.
 * Proof: `SnapshotPointerRecord.test.ts`.
 */
import type * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, StateGeneration, Term } from "../Ids.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"
import type { SnapshotPointer } from "./SnapshotPointer.ts"

const label = "snapshotPointer"

/** 36 bytes; the group is part of the checksum. */
export const encode = (
  groupId: GroupId,
  { cutover, generation, index, term }: SnapshotPointer
): Buffer =>
  Record.encode(
    { label, groupId },
    ByteWriter.allocate(32).u64(index).u64(term).u64(cutover).u64(generation).done()
  )

/** Fails with `RecordCorrupted`, naming `snapshotPointer`. */
export const decode = (
  groupId: GroupId,
  record: Uint8Array
): Result.Result<SnapshotPointer, RecordCorrupted> =>
  Record.decodeAs({ label, groupId }, record, decodeBody)

function decodeBody(body: Buffer): Decoded<SnapshotPointer> {
  const reader = new ByteReader("snapshot pointer", body)
  const index = reader.u64() as LogIndex
  const term = reader.u64() as Term
  const cutover = reader.within("u64", 0, index) as LogIndex
  const generation = reader.u64() as StateGeneration
  return reader.end({ index, term, cutover, generation })
}
