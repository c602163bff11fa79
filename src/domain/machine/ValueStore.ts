/**
 * What a state machine sees of the replicated store: plain values by key, with revisions.
 *
 * Storage sealing (SPEC §5, §6), revisions and atomic commit with the applied index happen behind
 * it, so that a state machine cannot get a nonce wrong. A view is of one call and not to be kept; the
 * bytes that go in and out are not to be changed afterwards. Keys have 1 to 1,024 bytes, another one
 * is a bug of the state machine and stops the node. Implementation and proof: `apply/`.
 */
import type { Revision } from "../Ids.ts"

export interface KeyRevisions {
  /** Of the last mutating request that wrote this key. */
  readonly revision: Revision
  /** Of the mutating request that created it. */
  readonly createRevision: Revision
}

export interface StoredValue extends KeyRevisions {
  readonly value: Uint8Array
}

export interface KeyedValue extends StoredValue {
  readonly key: Uint8Array
}

export interface RangeQuery {
  /** Ascending by unsigned bytes, half-open; `until` `undefined` is the end of all keys. */
  readonly from: Uint8Array
  readonly until: Uint8Array | undefined
  /** Entries, at least 1. */
  readonly limit: number
  /** Of keys and values together; the first entry is answered whatever its size. */
  readonly bytesMax: number
}

export interface RangePage {
  readonly entries: ReadonlyArray<KeyedValue>
  /** False if a limit ended it: there is at least one more. It has at least one entry then. */
  readonly isComplete: boolean
}

export interface ValueReader {
  /** Goes up by one with every request that changes anything. */
  readonly revision: Revision
  /** Throws `ValueCorrupted` if the stored bytes do not open. */
  readonly get: (key: Uint8Array) => StoredValue | undefined
  /** Without opening the value. Throws `ValueCorrupted` if its header is none. */
  readonly revisionsOf: (key: Uint8Array) => KeyRevisions | undefined
  /** As much from the start as the limits allow; opens nothing else. Throws `ValueCorrupted`. */
  readonly range: (query: RangeQuery) => RangePage
}

/** One request's view: reads see its own writes, and all its writes share one revision. */
export interface ValueStore extends ValueReader {
  /** Returns the revision of this request. */
  readonly put: (key: Uint8Array, value: Uint8Array) => Revision
  /** False if there was no such key: nothing changed then. */
  readonly remove: (key: Uint8Array) => boolean
}
