/**
 * An export of the key-value store as text: the way of data from one cluster to another, in plaintext
 * (SPEC §2).
 *
 * What must never happen here: an export that lost its end, or a line, taken for a whole one; a key
 * read twice. Memory is bounded by a line, whatever is fed. Proof: `ExportFormat.test.ts`.
 *
 * Shape, JSON lines: the header `{"format":"sealog-kv-export","version":1}`; an entry `{"key":…,
 * "value":…}` in base64 for each key, keys ascending by unsigned bytes; the end `{"end":true,"count":…,
 * "checksum":…,"firstRevision":…,"lastRevision":…}`. The checksum is the CRC-32 of all lines of entries
 * with their line feeds, 8 hex digits. The revisions are those of the first and the last page read.
 */
import { crc32 } from "node:zlib"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { KeyedValue } from "../machine/ValueStore.ts"
import * as Command from "./Command.ts"
import { ExportInvalid } from "./Errors.ts"

export interface ExportedEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What the end of an export says. */
export interface ExportSummary {
  readonly count: number
  /** If they are equal, the export is of one moment. */
  readonly firstRevision: Revision
  readonly lastRevision: Revision
}

const formatName = "sealog-kv-export"
const versionKnown = 1

/** Bytes of a line: the largest key and value in base64, and their names. */
export const lineBytesMax = 2 * Limits.mebibyte

/** Mutable: one per export. Each method returns whole lines. */
export class ExportWriter {
  private count = 0
  private checksum = 0

  header(): string {
    return line({ format: formatName, version: versionKnown })
  }

  /** In the order of their keys. */
  entries(entries: ReadonlyArray<KeyedValue>): string {
    const text = entries
      .map(({ key, value }) => line({ key: base64(key), value: base64(value) }))
      .join("")
    this.count += entries.length
    this.checksum = crc32(text, this.checksum)
    return text
  }

  end(revisions: Omit<ExportSummary, "count">): string {
    return line({ end: true, count: this.count, checksum: hex(this.checksum), ...revisions })
  }
}

/** Mutable: reads one export, in pieces of any size, and is not used after it has failed. */
export class ExportReader {
  private parts: Array<Uint8Array> = []
  private partBytes = 0
  private lineNumber = 0
  private hasHeader = false
  private summary: ExportSummary | undefined = undefined
  private count = 0
  private checksum = 0
  private lastKey: Uint8Array = new Uint8Array(0)

  /** The entries whose lines end in this piece. */
  push(piece: Uint8Array): Result.Result<ReadonlyArray<ExportedEntry>, ExportInvalid> {
    const entries: Array<ExportedEntry> = []
    let from = 0
    for (;;) {
      const end = piece.indexOf(lineFeed, from)
      const part = piece.subarray(from, end < 0 ? piece.length : end + 1)
      this.partBytes += part.length
      if (this.partBytes > lineBytesMax) {
        this.lineNumber += 1
        return this.refused("lineTooLong")
      }
      this.parts.push(part)
      if (end < 0) return Result.succeed(entries)
      const entry = this.readLine(Buffer.concat(this.parts))
      if (Result.isFailure(entry)) return Result.fail(entry.failure)
      if (entry.success !== undefined) entries.push(entry.success)
      this.parts = []
      this.partBytes = 0
      from = end + 1
    }
  }

  /** All has been fed. */
  end(): Result.Result<ExportSummary, ExportInvalid> {
    if (!this.hasHeader && this.partBytes === 0) return this.refused("notAnExport")
    if (this.summary === undefined || this.partBytes > 0) return this.refused("endMissing")
    return Result.succeed(this.summary)
  }

  /** With its line feed. `undefined` for the header and the end. */
  private readLine(bytes: Buffer): Result.Result<ExportedEntry | undefined, ExportInvalid> {
    this.lineNumber += 1
    if (this.summary !== undefined) return this.refused("afterEnd")
    const found = decodeLine(bytes.toString())
    if (!this.hasHeader) {
      const header = Option.flatMap(found, decodeHeader)
      if (Option.isNone(header)) return this.refused("notAnExport")
      if (header.value.version !== versionKnown) return this.refused("versionUnknown")
      this.hasHeader = true
      return Result.succeed(undefined)
    }
    const end = Option.flatMap(found, decodeEnd)
    if (Option.isSome(end)) return this.readEnd(end.value)
    const entry = Option.flatMap(Option.flatMap(found, decodeEntry), inBytes)
    if (Option.isNone(entry)) return this.refused("malformed")
    return this.readEntry(entry.value, bytes)
  }

  private readEntry(
    entry: ExportedEntry,
    bytes: Buffer
  ): Result.Result<ExportedEntry, ExportInvalid> {
    if (Command.putRefusalOf(entry) !== undefined) return this.refused("beyondLimits")
    if (Buffer.compare(entry.key, this.lastKey) <= 0) return this.refused("notAscending")
    this.lastKey = entry.key
    this.count += 1
    this.checksum = crc32(bytes, this.checksum)
    return Result.succeed(entry)
  }

  private readEnd({
    checksum,
    count,
    firstRevision,
    lastRevision
  }: typeof End.Type): Result.Result<undefined, ExportInvalid> {
    if (count !== this.count) return this.refused("countDiffers")
    if (checksum !== hex(this.checksum)) return this.refused("checksumDiffers")
    this.summary = { count, firstRevision, lastRevision }
    return Result.succeed(undefined)
  }

  private refused(reason: ExportInvalid["reason"]): Result.Result<never, ExportInvalid> {
    return Result.fail(new ExportInvalid({ line: Math.max(1, this.lineNumber), reason }))
  }
}

const lineFeed = 0x0a

const Header = Schema.Struct({ format: Schema.Literal(formatName), version: Schema.Int })
const Entry = Schema.Struct({ key: Schema.String, value: Schema.String })
const End = Schema.Struct({
  end: Schema.Literal(true),
  count: Schema.Int,
  checksum: Schema.String,
  firstRevision: Revision,
  lastRevision: Revision
})

const exactly = { onExcessProperty: "error" } as const
const decodeLine = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
/** A later version may say more in its header, and is refused by its number. */
const decodeHeader = Schema.decodeUnknownOption(Header)
const decodeEntry = Schema.decodeUnknownOption(Entry, exactly)
const decodeEnd = Schema.decodeUnknownOption(End, exactly)

const line = (content: unknown): string => `${JSON.stringify(content)}\n`
const hex = (checksum: number): string => checksum.toString(16).padStart(8, "0")

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** Only the one spelling that {@link base64} writes: `Buffer.from` alone skips what it cannot read. */
function bytesOf(text: string): Option.Option<Buffer> {
  const bytes = Buffer.from(text, "base64")
  return bytes.toString("base64") === text ? Option.some(bytes) : Option.none()
}

const inBytes = ({ key, value }: typeof Entry.Type): Option.Option<ExportedEntry> =>
  Option.all({ key: bytesOf(key), value: bytesOf(value) })
