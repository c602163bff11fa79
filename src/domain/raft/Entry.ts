/** One slot of the replicated log (SPEC §1). */
import type { LogIndex, Term } from "../Ids.ts"

/**
 * What an entry is for: `normal` carries a proposal, `noop` is a new leader's first entry,
 * `membership` changes the configuration, `registration` records a writer's epoch (SPEC §6).
 * Only `normal` entries are ever sealed.
 */
export type EntryKind = "normal" | "noop" | "membership" | "registration"

/** An entry of the log. `data` is immutable from the moment the entry exists. */
export interface Entry {
  readonly term: Term
  readonly index: LogIndex
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/** What an entry costs beside its data, in a message or on disk: term, index, kind, lengths. */
export const overheadBytes = 24

/** The size of an entry as every byte limit of the core and of the log stores counts it. */
export const bytesOf = (entry: Entry): number => overheadBytes + entry.data.length

/** The size of the data alone: what counts against the quota of uncommitted proposals. */
export function dataBytesOf(entries: ReadonlyArray<Entry>): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.data.length
  return bytes
}

/** The size of several entries, each counted by {@link bytesOf}. */
export function totalBytesOf(entries: ReadonlyArray<Entry>): number {
  let bytes = 0
  for (const entry of entries) bytes += bytesOf(entry)
  return bytes
}

/**
 * The longest prefix of `entries` that fits in `bytesMax`, and at least one entry if there is any,
 * so that an entry larger than the limit still makes progress.
 */
export function prefixWithin(
  entries: ReadonlyArray<Entry>,
  bytesMax: number
): ReadonlyArray<Entry> {
  let bytes = 0
  for (let count = 0; count < entries.length; count++) {
    bytes += bytesOf(entries[count]!)
    if (bytes > bytesMax && count > 0) return entries.slice(0, count)
  }
  return entries
}
