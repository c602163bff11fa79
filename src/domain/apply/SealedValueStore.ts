/**
 * The value store of a state machine over the `kv` table: revisions, headers, and the storage
 * envelope (SPEC §5, §6, §8).
 *
 * Values are sealed here and only here, at apply, with the nonce `group ‖ revision ‖ operation`: every
 * replica writes the same bytes, and a replay writes them again. What must never happen: one
 * (revision, operation) for two values, or a value taken for plaintext because of its bytes.
 * Proof: `SealedValueStore.test.ts`.
 */
import * as Result from "effect/Result"
import * as Envelope from "../encryption/Envelope.ts"
import * as Nonce from "../encryption/Nonce.ts"
import * as Sidecar from "../encryption/SidecarState.ts"
import * as StorageEnvelope from "../encryption/StorageEnvelope.ts"
import type { GroupId, Revision } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import { ValueCorrupted } from "../kv/Errors.ts"
import * as Span from "../kv/Span.ts"
import * as Value from "../kv/Value.ts"
import * as Limits from "../Limits.ts"
import type {
  KeyedValue,
  KeyRevisions,
  RangePage,
  RangeQuery,
  StoredValue,
  ValueReader,
  ValueStore
} from "../machine/ValueStore.ts"
import type { StateReader, StateTransaction } from "../state/StateTransaction.ts"
import type { Counters } from "../telemetry/Counters.ts"

/** What reading a value takes. */
export interface Reading {
  readonly counters: Counters
  readonly groupId: GroupId
  readonly keys: Envelope.KeyLookup
  readonly sidecar: Sidecar.SidecarState
  readonly revision: Revision
}

/** A view of what has been applied; of one moment, not to be kept. */
export const reader = (state: StateReader, reading: Reading): ValueReader => ({
  revision: reading.revision,
  get: (key) => {
    const stored = state.get("kv", key)
    return stored === undefined ? undefined : open(stored, key, reading)
  },
  revisionsOf: (key) => revisionsIn(state.get("kv", key), reading),
  range: (query) => rangeOf(state, reading, query)
})

/** Where a value is put, and by which mutation. */
interface Place {
  readonly storeKey: Uint8Array
  readonly revision: Revision
  readonly createRevision: Revision
  readonly operation: number
}

/** One request's view. `revision` of the store is the next request's starting point. */
export class SealedValueStore implements ValueStore {
  private readonly transaction: StateTransaction
  private readonly reading: Reading
  /** Of this request, once it has changed something. */
  private ownRevision: Revision | undefined = undefined
  private operationCount = 0

  constructor(transaction: StateTransaction, reading: Reading) {
    this.transaction = transaction
    this.reading = reading
  }

  get revision(): Revision {
    return this.ownRevision ?? this.reading.revision
  }

  get(key: Uint8Array): StoredValue | undefined {
    const stored = this.transaction.get("kv", key)
    return stored === undefined ? undefined : open(stored, key, this.reading)
  }

  revisionsOf(key: Uint8Array): KeyRevisions | undefined {
    return revisionsIn(this.transaction.get("kv", key), this.reading)
  }

  range(query: RangeQuery): RangePage {
    return rangeOf(this.transaction, this.reading, query)
  }

  put(key: Uint8Array, value: Uint8Array): Revision {
    invariant(key.length >= 1 && key.length <= Limits.keyBytesMax, "a key is within its limits")
    const before = this.transaction.get("kv", key)
    const revision = this.nextRevision()
    const operation = this.operationCount++
    const createRevision =
      before === undefined ? revision : headerOf(before, this.reading.groupId).createRevision
    const place = { storeKey: key, revision, createRevision, operation }
    this.transaction.put("kv", key, this.encode(place, value))
    return revision
  }

  remove(key: Uint8Array): boolean {
    if (this.transaction.get("kv", key) === undefined) return false
    this.nextRevision()
    this.operationCount++
    this.transaction.remove("kv", key)
    return true
  }

  private nextRevision(): Revision {
    if (this.ownRevision === undefined) {
      invariant(this.reading.revision < Limits.revisionMax, "revisions are not used up")
      this.ownRevision = (this.reading.revision + 1) as Revision
    }
    return this.ownRevision
  }

  /** As it is stored: in clear, or sealed into the buffer of its header. */
  private encode({ createRevision, operation, revision, storeKey }: Place, value: Uint8Array) {
    const { counters, groupId, keys, sidecar } = this.reading
    if (!Sidecar.isValueSealed(sidecar, revision)) {
      return Value.encode({ isSealed: false, revision, createRevision, bytes: value })
    }
    const key = keys(sidecar.active.storage)
    invariant(key !== undefined, "the active storage DEK is in the keystore")
    const nonce = Nonce.storage({ groupId, revision, operation })
    const sealing = { key, nonce, groupId, revision, storeKey }
    const header = { isSealed: true, revision, createRevision }
    const stored = Value.allocate(header, value.length + StorageEnvelope.overheadBytes)
    StorageEnvelope.sealInto(stored, Value.headerBytes, sealing, value)
    counters.seals.storage += 1
    return stored
  }
}

/**
 * Rows are asked of the state in lots, the first a small one, so that a range of large values does not
 * copy many more of them out of the state than it answers.
 */
const firstLotRows = 4
const lotRowsMax = 64

function rangeOf(state: StateReader, reading: Reading, query: RangeQuery): RangePage {
  const { bytesMax, limit, until } = query
  const entries: Array<KeyedValue> = []
  let { from } = query
  let bytes = 0
  for (let lotRows = firstLotRows; ; lotRows = Math.min(4 * lotRows, lotRowsMax)) {
    // One row more than there is room for says whether there is more.
    const rows = Math.min(lotRows, limit - entries.length + 1)
    invariant(rows >= 1, "a range that is full has ended")
    const lot = state.range("kv", { from, until, limit: rows })
    for (const { key, value } of lot) {
      const header = headerOf(value, reading.groupId)
      bytes += key.length + plainBytesOf(header)
      const isFull = entries.length === limit || (entries.length > 0 && bytes > bytesMax)
      if (isFull) return { entries, isComplete: false }
      entries.push({ key, ...openValue(header, key, reading) })
      from = Span.behind(key)
    }
    if (lot.length < rows) return { entries, isComplete: true }
  }
}

/** By the header alone: nothing is opened to find out that it does not fit. */
const plainBytesOf = ({ bytes, isSealed }: Value.Value): number =>
  isSealed ? Math.max(0, bytes.length - Envelope.overheadBytes) : bytes.length

function revisionsIn(
  stored: Uint8Array | undefined,
  { groupId }: Reading
): KeyRevisions | undefined {
  if (stored === undefined) return undefined
  const { createRevision, revision } = headerOf(stored, groupId)
  return { createRevision, revision }
}

function headerOf(stored: Uint8Array, groupId: GroupId): Value.Value {
  const value = Value.decode(stored)
  if (Result.isSuccess(value)) return value.success
  throw new ValueCorrupted({ groupId, revision: 0, reason: "badHeader" })
}

const open = (stored: Uint8Array, key: Uint8Array, reading: Reading): StoredValue =>
  openValue(headerOf(stored, reading.groupId), key, reading)

function openValue(header: Value.Value, key: Uint8Array, reading: Reading): StoredValue {
  const { counters, groupId, keys, sidecar } = reading
  const { bytes, createRevision, isSealed, revision } = header
  const corrupted = (reason: ValueCorrupted["reason"]) =>
    new ValueCorrupted({ groupId, revision, reason })
  if (!isSealed) {
    if (Sidecar.isValueSealed(sidecar, revision)) throw corrupted("notSealed")
    return { value: bytes, revision, createRevision }
  }
  const opened = StorageEnvelope.open({ keys, groupId, revision, storeKey: key }, bytes)
  if (Result.isFailure(opened)) {
    counters.openFailures.storage[opened.failure.reason] += 1
    throw corrupted(opened.failure.reason)
  }
  counters.opens.storage += 1
  return { value: opened.success, revision, createRevision }
}
