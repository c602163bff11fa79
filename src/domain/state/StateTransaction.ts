/**
 * The tables of the state environment and how one commit reads and writes them (SPEC §8).
 *
 * Pure contract: the LMDB and memory stores implement it, the applier and the value store use it.
 */

/** The tables; keys are compared as unsigned bytes. */
export const tables = ["kv", "sidecar", "writers", "members", "sessions", "applied"] as const
export type Table = (typeof tables)[number]

/** Keys of `[from, until)` in ascending order, at most `limit` of them. */
export interface KeyRange {
  readonly from?: Uint8Array | undefined
  readonly until?: Uint8Array | undefined
  readonly limit?: number | undefined
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface StateReader {
  /** The bytes belong to the caller; `undefined` if there is no such key. */
  readonly get: (table: Table, key: Uint8Array) => Uint8Array | undefined
  /** Collected before it returns, so that no long read keeps pages alive: callers give a limit. */
  readonly range: (table: Table, range: KeyRange) => ReadonlyArray<Row>
}

/** Reads inside it see its own writes. The store takes ownership of the bytes it is given. */
export interface StateTransaction extends StateReader {
  /** Keys: 1–1,100 bytes (LMDB allows 1,978). */
  readonly put: (table: Table, key: Uint8Array, value: Uint8Array) => void
  /** Removing what is not there is no error. */
  readonly remove: (table: Table, key: Uint8Array) => void
}
