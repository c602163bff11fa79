/**
 * When a log forgets its beginning, and how much of it (SPEC §16).
 *
 * What must never happen here: an entry forgotten that is not durable in the state. A tail is kept for
 * members that lag a little, so that they need no snapshot; a log of large entries is short instead.
 * Proof: `Compaction.test.ts`.
 */
import type { LogIndex } from "../Ids.ts"
import * as Position from "../raft/Position.ts"

export interface LogExtent {
  readonly first: LogIndex
  readonly last: LogIndex
  /** What the entries take on disk, about. */
  readonly bytes: number
}

export interface CompactionLimits {
  /** A log of more entries, or of more bytes, is compacted. */
  readonly entriesMax: number
  readonly bytesMax: number
  /** Entries kept below the durable applied index; fewer if they would take half of `bytesMax`. */
  readonly tailEntries: number
}

const countOf = ({ first, last }: LogExtent): number => last - first + 1

/** Cheap: asked after every run of entries. */
export const isDue = (extent: LogExtent, { bytesMax, entriesMax }: CompactionLimits): boolean =>
  countOf(extent) > entriesMax || extent.bytes > bytesMax

/** The last entry to forget; `undefined` if there is none. `durable`: of the state's applied index. */
export function through(
  extent: LogExtent,
  durable: LogIndex,
  limits: CompactionLimits
): LogIndex | undefined {
  if (!isDue(extent, limits)) return undefined
  const entryBytes = Math.max(1, extent.bytes / Math.max(1, countOf(extent)))
  const affordable = Math.floor(limits.bytesMax / 2 / entryBytes)
  const last = Position.smaller(durable, extent.last)
  const end = Position.plus(last, -Math.min(limits.tailEntries, affordable))
  return end < extent.first ? undefined : end
}
