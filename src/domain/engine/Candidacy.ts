/**
 * Why an opening will not lead any more (SPEC §6): it can never register as a writer, so it must not
 * seal. Proof: `test/layers/RaftEngine.test.ts`.
 */
import * as Schema from "effect/Schema"

/**
 * - `LocalEpochExhausted`: its directory has no epoch left for the active raft DEK.
 * - `LocalEpochRollback`: another opening used this epoch: the disk is an old copy or a clone.
 * - `WriterIdsExhausted`: the cluster has given out all writer ids.
 */
export const RenouncedReason = Schema.Literals([
  "LocalEpochExhausted",
  "LocalEpochRollback",
  "WriterIdsExhausted"
])
export type RenouncedReason = typeof RenouncedReason.Type
