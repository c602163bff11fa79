/**
 * What the log of a node begins after, and which of its states goes with it (SPEC §8, §16).
 *
 * Why it exists: a snapshot is installed by one commit of the log, and this record is that commit. What
 * must never happen: one that goes back, to a lower index or an earlier generation.
 * Proof: `test/contracts/LogInstallation.ts`.
 */
import type { LogIndex, StateGeneration } from "../Ids.ts"
import * as Position from "../raft/Position.ts"

/** The position is that of the last entry below the log; its term stays known. */
export interface SnapshotPointer extends Position.Position {
  /** The cutover index, if the marker is at or below `index`; else 0. */
  readonly cutover: LogIndex
  /** The state environment that holds at least everything up to `index`. */
  readonly generation: StateGeneration
}

/** Of a log that has never forgotten anything. */
export const initial: SnapshotPointer = {
  index: Position.noIndex,
  term: Position.noTerm,
  cutover: Position.noIndex,
  generation: 0 as StateGeneration
}
