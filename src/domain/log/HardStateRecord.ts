/**
 * The hard state as the log's `meta` table holds it (SPEC §8).
 *
 * Shape of the body: `term(8) ‖ vote(8, 0 = none) ‖ commit(8)`; a checksummed {@link Record} around
 * it. Proof: `HardStateRecord.test.ts`.
 */
import type * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, MemberId, Term } from "../Ids.ts"
import type { HardState } from "../raft/HardState.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"

const label = "hardState"

/** 28 bytes; the group is part of the checksum. */
export function encode(groupId: GroupId, { term, vote, commit }: HardState): Buffer {
  const body = ByteWriter.allocate(24)
    .u64(term)
    .u64(vote ?? 0)
    .u64(commit)
    .done()
  return Record.encode({ label, groupId }, body)
}

/** Fails with `RecordCorrupted`, naming `hardState`. */
export const decode = (
  groupId: GroupId,
  record: Uint8Array
): Result.Result<HardState, RecordCorrupted> =>
  Record.decodeAs({ label, groupId }, record, decodeBody)

function decodeBody(body: Buffer): Decoded<HardState> {
  const reader = new ByteReader("hard state", body)
  const term = reader.u64() as Term
  const vote = reader.u64() as MemberId
  const commit = reader.u64() as LogIndex
  return reader.end({ term, vote: vote === 0 ? undefined : vote, commit })
}
