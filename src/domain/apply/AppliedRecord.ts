/**
 * The record that says how far the state has been applied (SPEC §8, table `applied`): one per state,
 * in the same commit as everything the entries up to it have changed.
 *
 * Shape of the body: `version 0x01 ‖ index(8) ‖ term(8) ‖ revision(8)`. Proof: `AppliedRecord.test.ts`.
 */
import type * as Outcome from "effect/Result"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, Revision, Term } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"

export interface AppliedRecord {
  readonly index: LogIndex
  readonly term: Term
  readonly revision: Revision
}

const identity = (groupId: GroupId): Record.Identity => ({ label: "applied", groupId })

export const encode = (groupId: GroupId, { index, revision, term }: AppliedRecord): Buffer =>
  Record.encode(
    identity(groupId),
    ByteWriter.allocate(25).u8(0x01).u64(index).u64(term).u64(revision).done()
  )

export const decode = (
  groupId: GroupId,
  bytes: Uint8Array
): Outcome.Result<AppliedRecord, RecordCorrupted> =>
  Record.decodeAs(identity(groupId), bytes, (body) => {
    const reader = new ByteReader("applied record", body)
    reader.version(0x01)
    const index = reader.u64() as LogIndex
    const term = reader.u64() as Term
    const revision = reader.within("u64", 0, Limits.revisionMax) as Revision
    return reader.end({ index, term, revision })
  })
