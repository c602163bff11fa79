/**
 * The record that says how far the state has been applied (SPEC §8, table `applied`): one per state,
 * in the same commit as everything the entries up to it have changed.
 *
 * It repeats the checksum of the sidecar's record, so that a sidecar of another commit is noticed.
 *
 * Shape of the body: `version 0x02 ‖ index(8) ‖ term(8) ‖ revision(8) ‖ sidecarChecksum(4)`.
 * Proof: `AppliedRecord.test.ts`.
 */
import type * as Outcome from "effect/Result"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LogIndex, Revision, Term } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"

export interface Applied {
  readonly index: LogIndex
  readonly term: Term
  readonly revision: Revision
}

export interface AppliedRecord extends Applied {
  /** {@link Record.checksumIn} of the sidecar beside it. */
  readonly sidecarChecksum: number
}

const version = 0x02

const identity = (groupId: GroupId): Record.Identity => ({ label: "applied", groupId })

export const encode = (groupId: GroupId, applied: AppliedRecord): Buffer =>
  Record.encode(
    identity(groupId),
    ByteWriter.allocate(29)
      .u8(version)
      .u64(applied.index)
      .u64(applied.term)
      .u64(applied.revision)
      .u32(applied.sidecarChecksum)
      .done()
  )

export const decode = (
  groupId: GroupId,
  bytes: Uint8Array
): Outcome.Result<AppliedRecord, RecordCorrupted> =>
  Record.decodeAs(identity(groupId), bytes, (body) => {
    const reader = new ByteReader("applied record", body)
    reader.version(version)
    const index = reader.u64() as LogIndex
    const term = reader.u64() as Term
    const revision = reader.within("u64", 0, Limits.revisionMax) as Revision
    const sidecarChecksum = reader.u32()
    return reader.end({ index, term, revision, sidecarChecksum })
  })
