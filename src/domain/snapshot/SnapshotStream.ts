/**
 * A snapshot as a stream of checksummed chunks: all rows of the state of one applied index (SPEC §16).
 *
 * The rows are those of the state environment, byte for byte: values as they are stored, sealed or
 * not, with the wrapped DEKs, the writer registry, the sessions and the members beside them. Both
 * sides hold a chunk at a time. What must never happen here: a snapshot taken for whole that lost
 * chunks, or its end; chunks of two snapshots mixed; a row out of order, which could be a row twice.
 * Proof: `SnapshotStream.test.ts`.
 *
 * Shapes: the stream is the header ({@link SnapshotHeader}), then chunks `length(4) ‖ number(4) ‖
 * payload ‖ checksum(4)`; the length is that of the payload, the checksum the CRC-32 of
 * `"sealog/snapshot"` ‖ header ‖ number ‖ payload. The payloads together are `term(8)`, then rows
 * `table(1) ‖ keyLength(2) ‖ key ‖ valueLength(4) ‖ value`, then the end `0xff ‖ rowCount(8)`. No row
 * is split. Tables: 1 applied, 2 sidecar, 3 members, 4 writers, 5 sessions, 6 kv, in this order; keys
 * ascend.
 */
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import { ByteQueue } from "../bytes/ByteQueue.ts"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import { keyBytesMax, type Row, type Table } from "../state/StateTransaction.ts"
import { SnapshotCorrupted, type SnapshotVersionUnknown } from "./Errors.ts"
import * as SnapshotHeader from "./SnapshotHeader.ts"

/** What a snapshot stands for. */
export interface SnapshotOf extends SnapshotHeader.SnapshotHeader {
  /** Of the entry at the ceiling. */
  readonly term: Term
}

/** A row with its table. */
export interface TableRow extends Row {
  readonly table: Table
}

/** The order of the tables in a snapshot: what a reader needs first comes first. */
export const tablesInOrder: ReadonlyArray<Table> = [
  "applied",
  "sidecar",
  "members",
  "writers",
  "sessions",
  "kv"
]

const endMark = 0xff
const rowHeaderBytes = 7
const chunkHeaderBytes = 8
const checksumBytes = 4

/** A chunk is closed when it has this much; one that holds a large row is larger. */
const chunkBytes = 256 * Limits.kibibyte
/** Of a payload: a full chunk, and the largest row. */
const payloadBytesMax = chunkBytes + rowHeaderBytes + keyBytesMax + Limits.stateValueBytesMax

/** Mutable: writes one snapshot. Rows come in the order of the format. */
export class SnapshotEncoder {
  /** What the stream begins with. */
  readonly header: Buffer
  private parts: Array<Buffer> = []
  private partBytes = 0
  private chunkNumber = 0
  private rowCount = 0

  constructor({ term, ...header }: SnapshotOf) {
    this.header = SnapshotHeader.encode(header)
    this.addPart(ByteWriter.allocate(8).u64(term).done())
  }

  /** Takes a row; the chunk it has filled, if it has. */
  add({ key, table, value }: TableRow): Buffer | undefined {
    invariant(value.length <= Limits.stateValueBytesMax, "a value of the state is within its limit")
    const row = ByteWriter.allocate(rowHeaderBytes + key.length + value.length)
      .u8(tablesInOrder.indexOf(table) + 1)
      .u16(key.length)
      .bytes(key)
      .u32(value.length)
      .bytes(value)
      .done()
    this.rowCount += 1
    this.addPart(row)
    return this.partBytes >= chunkBytes ? this.chunk() : undefined
  }

  /** The last chunk. */
  end(): Buffer {
    this.addPart(ByteWriter.allocate(9).u8(endMark).u64(this.rowCount).done())
    return this.chunk()
  }

  private addPart(part: Buffer): void {
    this.parts.push(part)
    this.partBytes += part.length
  }

  private chunk(): Buffer {
    const number = this.chunkNumber++
    const payload = Buffer.concat(this.parts)
    this.parts = []
    this.partBytes = 0
    return ByteWriter.allocate(chunkHeaderBytes + payload.length + checksumBytes)
      .u32(payload.length)
      .u32(number)
      .bytes(payload)
      .u32(checksumOf(this.header, number, payload))
      .done()
  }
}

type Refusal = SnapshotCorrupted | SnapshotVersionUnknown

/** Mutable: reads one snapshot, in pieces of any size, and is not used after it has failed. */
export class SnapshotDecoder {
  private readonly waiting = new ByteQueue()
  private chunkNumber = 0
  private rowCount = 0
  private last: { readonly table: number; readonly key: Buffer } | undefined = undefined
  private header: { readonly bytes: Buffer; readonly is: SnapshotHeader.SnapshotHeader } | undefined
  private term: Term | undefined = undefined
  private ended = false

  /** What the snapshot stands for, once its first chunk has come. */
  get of(): SnapshotOf | undefined {
    const { header, term } = this
    return header === undefined || term === undefined ? undefined : { ...header.is, term }
  }

  /** Has the end come? Only then it may be installed. */
  get isComplete(): boolean {
    return this.ended && this.waiting.length === 0
  }

  /** The rows of the chunks that these bytes complete. */
  push(bytes: Uint8Array): Result.Result<ReadonlyArray<TableRow>, Refusal> {
    const { waiting } = this
    waiting.push(bytes)
    const rows: Array<TableRow> = []
    const refusal = this.header === undefined ? this.readHeader() : undefined
    if (refusal !== undefined) return Result.fail(refusal)
    while (this.header !== undefined) {
      if (waiting.length < 4) return Result.succeed(rows)
      const length = waiting.peek(4).readUInt32BE(0)
      if (this.ended) return corrupted("afterEnd")
      if (length > payloadBytesMax) return corrupted("outOfRange")
      const size = chunkHeaderBytes + length + checksumBytes
      if (waiting.length < size) return Result.succeed(rows)
      const read = this.readChunk(waiting.take(size), this.header.bytes)
      if (Result.isFailure(read)) return Result.fail(read.failure)
      // Not as arguments: a chunk may hold more rows than a call can have.
      for (const row of read.success) rows.push(row)
    }
    return Result.succeed(rows)
  }

  /** As long as it may only be that more is to come, it is waited for. */
  private readHeader(): Refusal | undefined {
    const { waiting } = this
    const decoded = SnapshotHeader.decode(waiting.peek(waiting.length))
    if (Result.isSuccess(decoded)) {
      const { bodyFrom, header } = decoded.success
      this.header = { bytes: waiting.take(bodyFrom), is: header }
      return undefined
    }
    const { failure } = decoded
    const isShort = failure._tag === "SnapshotCorrupted" && failure.reason === "truncated"
    return isShort && waiting.length < SnapshotHeader.bytesMax ? undefined : failure
  }

  private readChunk(
    chunk: Buffer,
    header: Buffer
  ): Result.Result<ReadonlyArray<TableRow>, SnapshotCorrupted> {
    const number = chunk.readUInt32BE(4)
    const payload = chunk.subarray(chunkHeaderBytes, chunk.length - checksumBytes)
    if (number !== this.chunkNumber) return corrupted("chunkMissing")
    const checksum = chunk.readUInt32BE(chunk.length - checksumBytes)
    if (checksum !== checksumOf(header, number, payload)) return corrupted("checksumMismatch")
    this.chunkNumber += 1
    if (number > 0) return this.readRows(payload)
    const reader = new ByteReader("snapshot", payload.subarray(0, 8))
    const term = reader.end(reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as Term)
    if (Result.isFailure(term)) return corrupted("outOfRange")
    this.term = term.success
    return this.readRows(payload.subarray(8))
  }

  private readRows(payload: Buffer): Result.Result<ReadonlyArray<TableRow>, SnapshotCorrupted> {
    const reader = new ByteReader("snapshot", payload)
    const rows: Array<TableRow> = []
    while (reader.remaining > 0 && !reader.isRefused) {
      if (reader.peekU8() === endMark) return this.readEnd(reader, rows)
      const table = reader.choice(1, tablesInOrder.length, "unknownTag")
      const key = reader.block("u16", 1, keyBytesMax)
      const value = reader.block("u32", 0, Limits.stateValueBytesMax)
      if (reader.isRefused) break
      if (!this.isNext(table, key)) return corrupted("notCanonical")
      this.rowCount += 1
      rows.push({ table: tablesInOrder[table - 1]!, key, value })
    }
    return reader.isRefused ? corrupted("malformed") : Result.succeed(rows)
  }

  private isNext(table: number, key: Buffer): boolean {
    const { last } = this
    this.last = { table, key }
    if (last === undefined || table > last.table) return true
    return table === last.table && Buffer.compare(key, last.key) > 0
  }

  private readEnd(
    reader: ByteReader,
    rows: ReadonlyArray<TableRow>
  ): Result.Result<ReadonlyArray<TableRow>, SnapshotCorrupted> {
    reader.u8()
    const rowCount = reader.u64()
    if (Result.isFailure(reader.end(rowCount))) return corrupted("malformed")
    if (rowCount !== this.rowCount) return corrupted("rowsMissing")
    this.ended = true
    return Result.succeed(rows)
  }
}

const labelChecksum = crc32("sealog/snapshot")

function checksumOf(header: Buffer, number: number, payload: Buffer): number {
  const place = Buffer.allocUnsafe(4)
  place.writeUInt32BE(number)
  return crc32(payload, crc32(place, crc32(header, labelChecksum)))
}

const corrupted = (reason: SnapshotCorrupted["reason"]): Result.Result<never, SnapshotCorrupted> =>
  Result.fail(new SnapshotCorrupted({ reason }))
