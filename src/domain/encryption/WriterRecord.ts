/**
 * The bytes of the writer registry: records of the table `writers`, and a part of every snapshot
 * (SPEC §6, §8, §16).
 *
 * The table has one record per writer and one per row, because a registration changes one of each;
 * {@link changed} says which. Every record is checksummed together with its key.
 * Proof: `WriterRecord.test.ts`.
 *
 * Shapes:
 * - key of a writer `0x01 ‖ writerId(2)`, value `version 0x01 ‖ nodeNameLength(1) ‖ nodeName ‖
 *   incarnation(16) ‖ checksum(4)`
 * - key of a row `0x02 ‖ keyId(4) ‖ writerId(2)`, value `version 0x01 ‖ firstEpoch(2) ‖ lastEpoch(2) ‖
 *   openingId(16) ‖ checksum(4)`
 * - whole: `version 0x01 ‖ writerCount(2)`, the writers in order of their ids, `rowCount(4)`, then
 *   `keyId(4) ‖ writerId(2) ‖ firstEpoch(2) ‖ lastEpoch(2) ‖ openingId(16)` each, ascending
 */
import * as Result from "effect/Result"
import { asBuffer, ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, KeyId, LocalEpoch, OpeningId, WriterId } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import * as WriterIdentity from "./WriterIdentity.ts"
import * as WriterRegistry from "./WriterRegistry.ts"

/** One record of the table. */
export interface TableRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const version = 0x01
const prefixes = { writer: 0x01, row: 0x02 } as const
const rowBytes = 26

/** The records that make a table of `before` one of `after`, a later state of the same registry. */
export function changed(
  groupId: GroupId,
  before: WriterRegistry.WriterRegistry,
  after: WriterRegistry.WriterRegistry
): ReadonlyArray<TableRecord> {
  const knownRows = new Set(before.rows)
  return [
    ...after.writers.slice(before.writers.length).map((writer) => writerRecord(groupId, writer)),
    ...after.rows.filter((row) => !knownRows.has(row)).map((row) => rowRecord(groupId, row))
  ]
}

/** The whole table in any order, decoded; a gap in it is `missing`. */
export function decodeTable(
  groupId: GroupId,
  records: Iterable<TableRecord>
): Result.Result<WriterRegistry.WriterRegistry, RecordCorrupted> {
  const writers: Array<WriterRegistry.Writer> = []
  const rows: Array<WriterRegistry.Row> = []
  for (const { key, value } of records) {
    const identity = identityOf(groupId, key)
    const decoded = Record.decodeAs(identity, value, (body) => decodeRecord(key, body))
    if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
    if ("keyId" in decoded.success) rows.push(decoded.success)
    else writers.push(decoded.success)
  }
  writers.sort((a, b) => a.writerId - b.writerId)
  rows.sort(WriterRegistry.compareRows)
  const isComplete =
    writers.every(({ writerId }, position) => writerId === position + 1) &&
    rows.every(({ writerId }) => writerId <= writers.length)
  return isComplete
    ? Result.succeed({ writers, rows })
    : Record.corrupted({ label: "writers", groupId }, "missing")
}

/** The whole registry, for a snapshot. */
export function encode({ rows, writers }: WriterRegistry.WriterRegistry): Buffer {
  let size = 7 + rowBytes * rows.length
  for (const identity of writers) size += WriterIdentity.bytesOf(identity)
  const writer = ByteWriter.allocate(size).u8(version).u16(writers.length)
  for (const identity of writers) WriterIdentity.write(writer, identity)
  writer.u32(rows.length)
  for (const row of rows) writeEpochs(writer.u32(row.keyId).u16(row.writerId), row)
  return writer.done()
}

/** The whole registry, of a snapshot. */
export function decode(bytes: Uint8Array): Decoded<WriterRegistry.WriterRegistry> {
  const reader = new ByteReader("writer registry", bytes)
  reader.version(version)
  const writerCount = reader.count("u16", WriterIdentity.bytesMin)
  const writers: Array<WriterRegistry.Writer> = []
  for (let writerId = 1; writerId <= writerCount; writerId++) {
    writers.push({ writerId: writerId as WriterId, ...WriterIdentity.read(reader) })
  }
  const rowCount = reader.count("u32", rowBytes)
  const rows: Array<WriterRegistry.Row> = []
  for (let read = 0; read < rowCount && !reader.isRefused; read++) {
    const keyId = reader.within("u32", 1, 0xffffffff) as KeyId
    const writerId = reader.within("u16", 1, writerCount) as WriterId
    const row = { keyId, writerId, ...readEpochs(reader) }
    const previous = rows.at(-1)
    if (previous !== undefined && WriterRegistry.compareRows(previous, row) >= 0) {
      reader.refuse("notCanonical")
    }
    rows.push(row)
  }
  return reader.end({ writers, rows })
}

function writerRecord(groupId: GroupId, writer: WriterRegistry.Writer): TableRecord {
  const key = ByteWriter.allocate(3).u8(prefixes.writer).u16(writer.writerId).done()
  const body = ByteWriter.allocate(1 + WriterIdentity.bytesOf(writer)).u8(version)
  const value = Record.encode(identityOf(groupId, key), WriterIdentity.write(body, writer).done())
  return { key, value }
}

function rowRecord(groupId: GroupId, row: WriterRegistry.Row): TableRecord {
  const key = ByteWriter.allocate(7).u8(prefixes.row).u32(row.keyId).u16(row.writerId).done()
  const body = writeEpochs(ByteWriter.allocate(21).u8(version), row).done()
  return { key, value: Record.encode(identityOf(groupId, key), body) }
}

function decodeRecord(
  key: Uint8Array,
  body: Buffer
): Decoded<WriterRegistry.Writer | WriterRegistry.Row> {
  const names = new ByteReader("key of a writer record", key)
  const isRow = names.within("u8", prefixes.writer, prefixes.row) === prefixes.row
  const keyId = (isRow ? names.within("u32", 1, 0xffffffff) : 0) as KeyId
  const writerId = names.within("u16", 1, Limits.writerIdMax) as WriterId
  const named = names.end({ keyId, writerId })
  if (Result.isFailure(named)) return Result.fail(named.failure)

  const reader = new ByteReader("writer record", body)
  reader.version(version)
  return isRow
    ? reader.end({ keyId, writerId, ...readEpochs(reader) })
    : reader.end({ writerId, ...WriterIdentity.read(reader) })
}

const writeEpochs = (writer: ByteWriter, row: WriterRegistry.Row): ByteWriter =>
  writer.u16(row.firstEpoch).u16(row.lastEpoch).hex128(row.openingId)

function readEpochs(reader: ByteReader): Omit<WriterRegistry.Row, keyof WriterRegistry.RowKey> {
  const firstEpoch = reader.within("u16", 1, Limits.localEpochMax) as LocalEpoch
  const lastEpoch = reader.within("u16", firstEpoch, Limits.localEpochMax) as LocalEpoch
  return { firstEpoch, lastEpoch, openingId: reader.hex128() as OpeningId }
}

const identityOf = (groupId: GroupId, key: Uint8Array): Record.Identity => ({
  label: `writers/${asBuffer(key).toString("hex")}`,
  groupId
})
