/**
 * Is a state that was made from a snapshot what the snapshot said it is (SPEC §16)?
 *
 * The chunks were whole, or it would not have come here; this asks whether their content agrees with
 * itself: header, applied index, sidecar, cluster. What must never happen: a state installed that the
 * next opening would refuse. Proof: `SnapshotCheck.test.ts`.
 */
import * as Result from "effect/Result"
import * as ReplicatedState from "../apply/ReplicatedState.ts"
import type { ClusterId, GroupId } from "../Ids.ts"
import type { StateReader } from "../state/StateTransaction.ts"
import { SnapshotInconsistent } from "./Errors.ts"
import type { SnapshotOf } from "./SnapshotStream.ts"

/** What a snapshot must be. */
export interface Expected {
  readonly groupId: GroupId
  readonly clusterId: ClusterId
  /** What its header and its first chunk say. */
  readonly of: SnapshotOf
}

/** The replicated state that is in these rows. */
export function check(
  reader: StateReader,
  { clusterId, groupId, of }: Expected
): Result.Result<
  ReplicatedState.ReplicatedState,
  SnapshotInconsistent | ReplicatedState.LoadFailure
> {
  const refuse = (reason: SnapshotInconsistent["reason"]) =>
    Result.fail(new SnapshotInconsistent({ ceiling: of.ceiling, reason }))
  const loaded = ReplicatedState.load(reader, groupId)
  if (Result.isFailure(loaded)) return Result.fail(loaded.failure)
  const state = loaded.success
  if (state === undefined) return refuse("empty")
  const { applied, sidecar } = state
  if (applied.index !== of.ceiling) return refuse("appliedIndex")
  if (applied.term !== of.term) return refuse("term")
  if (sidecar.raftEnvelopeCutoverIndex !== of.cutover) return refuse("cutover")
  if (sidecar.clusterId !== clusterId) return refuse("cluster")
  return Result.succeed(state)
}
