/**
 * The tables of the state environment and how one commit reads and writes them (SPEC §8).
 *
 * Pure contract: the LMDB and memory stores implement it, the applier and the value store use it.
 */
import { invariant } from "../Invariant.ts"

/** The tables; keys are compared as unsigned bytes. */
export const tables = ["kv", "sidecar", "writers", "members", "sessions", "applied"] as const
export type Table = (typeof tables)[number]

/** Keys of `[from, until)` in ascending order, at most `limit` of them, and no more than are asked for. */
export interface KeyRange {
  readonly from?: Uint8Array | undefined
  readonly until?: Uint8Array | undefined
  readonly limit?: number | undefined
  /** The row that reaches this many bytes of keys and values is the last. */
  readonly bytesMax?: number | undefined
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

/** Bytes of a key, for every table. */
export const keyBytesMax = 1100

/** A key that LMDB would refuse is a bug of the caller, with any store. */
export function assertKey(key: Uint8Array): void {
  invariant(key.length >= 1 && key.length <= keyBytesMax, "a key of the state has 1 to 1,100 bytes")
}

/** Can no key lie in the range? */
export const isEmptyRange = ({ from, until, limit }: KeyRange): boolean =>
  (limit !== undefined && limit <= 0) ||
  (until !== undefined && Buffer.compare(from ?? empty, until) >= 0)

const empty = new Uint8Array(0)

/** Where a range goes on behind a key. */
export const behind = (key: Uint8Array): Uint8Array => Buffer.concat([key, zero])

const zero = Buffer.of(0)

/** The first rows that a range asks for, of rows within it. */
export function taken(rows: Iterable<Row>, { limit, bytesMax }: KeyRange): ReadonlyArray<Row> {
  const found: Array<Row> = []
  let bytes = 0
  if (limit !== undefined && limit <= 0) return found
  for (const row of rows) {
    found.push(row)
    bytes += row.key.length + row.value.length
    if (found.length === limit) break
    if (bytesMax !== undefined && bytes >= bytesMax) break
  }
  return found
}
