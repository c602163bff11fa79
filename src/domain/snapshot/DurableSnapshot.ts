/**
 * What the core is told of the newest snapshot: the position and the configuration of the durable
 * state, which *is* the snapshot and is read when it is sent (SPEC §16).
 *
 * What must never happen here: a position and a configuration of two moments; both are read in one
 * turn from one reader. Proof: `SnapshotCheck.test.ts`.
 */
import * as Result from "effect/Result"
import * as ReplicatedState from "../apply/ReplicatedState.ts"
import type { GroupId } from "../Ids.ts"
import * as MembersRecord from "../members/MembersRecord.ts"
import type { Snapshot } from "../raft/Snapshot.ts"
import type { StateReader } from "../state/StateTransaction.ts"

/** `undefined` while nothing was applied. Throws `RecordCorrupted`, as `LogReader` does. */
export function read(durable: StateReader, groupId: GroupId): Snapshot | undefined {
  const applied = Result.getOrThrow(ReplicatedState.appliedOf(durable, groupId))
  if (applied === undefined || applied.index === 0) return undefined
  const rows = durable.range("members", {})
  const { configuration } = Result.getOrThrow(MembersRecord.decodeTable(groupId, rows))
  return { index: applied.index, term: applied.term, membership: configuration }
}
