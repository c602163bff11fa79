/**
 * The results of KV requests as bytes: what a session records and replays (SPEC §7).
 *
 * Proof: `Result.test.ts`.
 *
 * Shape: `tag(1)`, then
 * - 1 written `revision(8)` · 2 deleted `revision(8) ‖ deleted(1)` · 4 not found
 * - 3 found `revision(8) ‖ createRevision(8) ‖ value`
 * - 5 entries of a range: `revision(8) ‖ isComplete(1) ‖ count(4)`, then `keyLength(2) ‖ key ‖
 *   revision(8) ‖ createRevision(8) ‖ length(4) ‖ value` each
 * - 6 txn: `succeeded(1) ‖ revision(8) ‖ count(1)`, then `length(4) ‖ result` each, of tags 1 to 4
 * - 7 a transaction that reads too much
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { KeyedValue, StoredValue } from "../machine/ValueStore.ts"

/** What an operation on one key answers, alone or in a transaction. */
export type KeyResult =
  | { readonly _tag: "Written"; readonly revision: Revision }
  /** The revision is that of the store, unchanged if nothing was deleted. */
  | { readonly _tag: "Deleted"; readonly revision: Revision; readonly deleted: boolean }
  | { readonly _tag: "Found"; readonly found: StoredValue }
  | { readonly _tag: "NotFound" }

/** One page of a range. */
export interface Entries {
  readonly _tag: "Entries"
  /** Of the store when it was read: pages of one revision are of one moment. */
  readonly revision: Revision
  /** False if there is more: go on with the last key as continuation. There is a last key then. */
  readonly isComplete: boolean
  readonly entries: ReadonlyArray<KeyedValue>
}

/** Did all compares hold; and the results of the branch that was done, in its order. */
export interface TxnDone {
  readonly _tag: "TxnDone"
  readonly succeeded: boolean
  /** Of the store after it. */
  readonly revision: Revision
  readonly results: ReadonlyArray<KeyResult>
}

/** What a request answers. */
export type KvResult =
  | KeyResult
  | Entries
  | TxnDone
  /** A transaction that gets and compares more than it may. It has changed nothing. */
  | { readonly _tag: "TxnReadTooLarge" }

const tags = {
  Written: 1,
  Deleted: 2,
  Found: 3,
  NotFound: 4,
  Entries: 5,
  TxnDone: 6,
  TxnReadTooLarge: 7
} as const
/** Bytes of an entry of a range beside its key and value. */
const entryOverheadBytes = 22

/** One allocation. */
export function encode(result: KvResult): Buffer {
  const writer = ByteWriter.allocate(bytesOf(result))
  write(writer, result)
  return writer.done()
}

/** Keys and values are views of `bytes`. */
export function decode(bytes: Uint8Array): Decoded<KvResult> {
  const reader = new ByteReader("KV result", bytes)
  switch (reader.peekU8()) {
    case tags.Entries:
      return reader.end(readEntries(reader))
    case tags.TxnDone:
      return reader.end(readTxnDone(reader))
    case tags.TxnReadTooLarge:
      reader.u8()
      return reader.end({ _tag: "TxnReadTooLarge" })
    default:
      return reader.end(readKeyResult(reader, reader.remaining))
  }
}

function bytesOf(result: KvResult): number {
  switch (result._tag) {
    case "Written":
      return 9
    case "Deleted":
      return 10
    case "Found":
      return 17 + result.found.value.length
    case "NotFound":
    case "TxnReadTooLarge":
      return 1
    case "Entries":
      return result.entries.reduce(
        (bytes, { key, value }) => bytes + entryOverheadBytes + key.length + value.length,
        14
      )
    case "TxnDone":
      return result.results.reduce((bytes, each) => bytes + 4 + bytesOf(each), 11)
  }
}

function write(writer: ByteWriter, result: KvResult): void {
  writer.u8(tags[result._tag])
  switch (result._tag) {
    case "Written":
      writer.u64(result.revision)
      return
    case "Deleted":
      writer.u64(result.revision).u8(result.deleted ? 1 : 0)
      return
    case "Found":
      writeRevisions(writer, result.found).bytes(result.found.value)
      return
    case "NotFound":
    case "TxnReadTooLarge":
      return
    case "Entries":
      writer.u64(result.revision).u8(result.isComplete ? 1 : 0)
      writer.u32(result.entries.length)
      for (const entry of result.entries) writeEntry(writer, entry)
      return
    case "TxnDone":
      writer
        .u8(result.succeeded ? 1 : 0)
        .u64(result.revision)
        .u8(result.results.length)
      for (const each of result.results) write(writer.u32(bytesOf(each)), each)
  }
}

/** A result of exactly `size` bytes. */
function readKeyResult(reader: ByteReader, size: number): KeyResult {
  const expected = [0, 9, 10, 17, 1][reader.peekU8()]
  const tag = reader.u8()
  if (expected === undefined || expected === 0) reader.refuse("unknownTag")
  else if (size < expected) reader.refuse("truncated")
  else if (size > expected && tag !== tags.Found) reader.refuse("trailingBytes")
  switch (tag) {
    case tags.Written:
      return { _tag: "Written", revision: readRevision(reader) }
    case tags.Deleted:
      return {
        _tag: "Deleted",
        revision: readRevision(reader),
        deleted: reader.within("u8", 0, 1) === 1
      }
    case tags.Found: {
      const revisions = readRevisions(reader)
      return { _tag: "Found", found: { ...revisions, value: reader.bytes(size - 17) } }
    }
    default:
      return { _tag: "NotFound" }
  }
}

function readEntries(reader: ByteReader): Entries {
  reader.u8()
  const revision = readRevision(reader)
  const isComplete = reader.within("u8", 0, 1) === 1
  const count = reader.count("u32", entryOverheadBytes + 1)
  const entries: Array<KeyedValue> = []
  for (let read = 0; read < count && !reader.isRefused; read++) {
    const key = reader.block("u16", 1, Limits.keyBytesMax)
    const revisions = readRevisions(reader)
    entries.push({ key, ...revisions, value: reader.block("u32", 0, Limits.valueBytesMax) })
  }
  return { _tag: "Entries", revision, isComplete, entries }
}

function readTxnDone(reader: ByteReader): TxnDone {
  reader.u8()
  const succeeded = reader.within("u8", 0, 1) === 1
  const revision = readRevision(reader)
  const count = reader.count("u8", 5)
  const results: Array<KeyResult> = []
  for (let read = 0; read < count && !reader.isRefused; read++) {
    results.push(readKeyResult(reader, reader.within("u32", 1, reader.remaining)))
  }
  return { _tag: "TxnDone", succeeded, revision, results }
}

const writeEntry = (writer: ByteWriter, entry: KeyedValue): ByteWriter =>
  writeRevisions(writer.u16(entry.key.length).bytes(entry.key), entry)
    .u32(entry.value.length)
    .bytes(entry.value)

const writeRevisions = (writer: ByteWriter, value: StoredValue): ByteWriter =>
  writer.u64(value.revision).u64(value.createRevision)

/** The create revision is at most the revision. */
function readRevisions(reader: ByteReader): Pick<StoredValue, "revision" | "createRevision"> {
  const revision = readRevision(reader)
  return { revision, createRevision: reader.within("u64", 0, revision) as Revision }
}

const readRevision = (reader: ByteReader): Revision =>
  reader.within("u64", 0, Limits.revisionMax) as Revision
