/**
 * Where the log of this node begins: the position its newest snapshot stands for, which the log's
 * `meta` table holds (SPEC §8). The entry after it is the first of the log.
 *
 * Shape of the body: `index(8) ‖ term(8)`; a checksummed {@link Record} around it.
 * Proof: `SnapshotPointerRecord.test.ts`.
 */
import type * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, Term } from "../Ids.ts"
import type { Position } from "../raft/Position.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"

const label = "snapshotPointer"

/** 20 bytes; the group is part of the checksum. */
export const encode = (groupId: GroupId, { index, term }: Position): Buffer =>
  Record.encode({ label, groupId }, ByteWriter.allocate(16).u64(index).u64(term).done())

/** Fails with `RecordCorrupted`, naming `snapshotPointer`. */
export const decode = (
  groupId: GroupId,
  record: Uint8Array
): Result.Result<Position, RecordCorrupted> =>
  Record.decodeAs({ label, groupId }, record, decodeBody)

function decodeBody(body: Buffer): Decoded<Position> {
  const reader = new ByteReader("snapshot pointer", body)
  const index = reader.u64() as LogIndex
  const term = reader.u64() as Term
  return reader.end({ index, term })
}
