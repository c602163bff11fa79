/**
 * Why a node does not campaign (SPEC §6): it cannot register as a writer, so it must not lead. Proof:
 * `test/layers/RaftEngine.test.ts`, `RenouncedCandidacy.test.ts`.
 */
import * as Schema from "effect/Schema"

/**
 * - `LocalEpochExhausted`: its directory has no epoch left for the active raft DEK. Over with the next one.
 * - `LocalEpochRollback`: another opening used this epoch: the disk is an old copy or a clone.
 * - `WriterIdsExhausted`: the cluster has given out all writer ids.
 */
export const RenouncedReason = Schema.Literals([
  "LocalEpochExhausted",
  "LocalEpochRollback",
  "WriterIdsExhausted"
])
export type RenouncedReason = typeof RenouncedReason.Type
