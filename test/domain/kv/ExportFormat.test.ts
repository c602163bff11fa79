import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Revision } from "../../../src/domain/Ids.ts"
import type { ExportInvalid } from "../../../src/domain/kv/Errors.ts"
import {
  type ExportedEntry,
  ExportReader,
  type ExportSummary,
  ExportWriter,
  lineBytesMax
} from "../../../src/domain/kv/ExportFormat.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import { failureOf } from "../bytes/Decoding.ts"

const revision = (value: number) => value as Revision
const entry = (key: Uint8Array, value: Uint8Array) => ({
  key,
  value,
  revision: revision(1),
  createRevision: revision(1)
})

// Written by hand; base64 and CRC-32 by Python's `base64` and `zlib`.
const golden = [
  '{"format":"sealog-kv-export","version":1}',
  '{"key":"YQ==","value":"Zm9v"}',
  '{"key":"YWI=","value":""}',
  '{"key":"/wA=","value":"gP8="}',
  '{"end":true,"count":3,"checksum":"815098ee","firstRevision":7,"lastRevision":9}'
]
const goldenEntries = [
  { key: Buffer.from("a"), value: Buffer.from("foo") },
  { key: Buffer.from("ab"), value: Buffer.from("") },
  { key: Buffer.of(0xff, 0), value: Buffer.of(0x80, 0xff) }
]
const textOf = (lines: ReadonlyArray<string>) => lines.map((line) => `${line}\n`).join("")

const pieces = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(size * at, size * (at + 1))
  )

function read(
  text: string | Uint8Array,
  pieceBytes = 1 << 16
): Result.Result<{ entries: ReadonlyArray<ExportedEntry>; summary: ExportSummary }, ExportInvalid> {
  const reader = new ExportReader()
  const entries: Array<ExportedEntry> = []
  for (const piece of pieces(Buffer.from(text), pieceBytes)) {
    const found = reader.push(piece)
    if (Result.isFailure(found)) return Result.fail(found.failure)
    entries.push(...found.success)
  }
  return Result.map(reader.end(), (summary) => ({ entries, summary }))
}

const refusalOf = (text: string | Uint8Array) => {
  const { line, reason } = failureOf(read(text))
  return `${line} ${reason}`
}

describe("an export", () => {
  it("is the golden lines, and read in pieces of any size", () => {
    const writer = new ExportWriter()
    const written = [
      writer.header(),
      writer.entries(goldenEntries.slice(0, 2).map(({ key, value }) => entry(key, value))),
      writer.entries(goldenEntries.slice(2).map(({ key, value }) => entry(key, value))),
      writer.end({ firstRevision: revision(7), lastRevision: revision(9) })
    ].join("")
    expect(written).toBe(textOf(golden))
    for (const pieceBytes of [1, 2, 7, 41, 42, 43, 1000]) {
      const { entries, summary } = Result.getOrThrow(read(written, pieceBytes))
      expect(entries).toEqual(goldenEntries)
      expect(summary).toEqual({ count: 3, firstRevision: 7, lastRevision: 9 })
    }
  })

  it("of nothing is an export too", () => {
    const writer = new ExportWriter()
    const nothing = { firstRevision: revision(0), lastRevision: revision(0) }
    const text = writer.header() + writer.entries([]) + writer.end(nothing)
    expect(Result.getOrThrow(read(text))).toEqual({
      entries: [],
      summary: { count: 0, ...nothing }
    })
  })

  it("holds the largest key and value on a line", () => {
    const writer = new ExportWriter()
    const largest = entry(
      Buffer.alloc(Limits.keyBytesMax, 0xff),
      Buffer.alloc(Limits.valueBytesMax, 0xfe)
    )
    const end = { firstRevision: revision(1), lastRevision: revision(1) }
    const text = writer.header() + writer.entries([largest]) + writer.end(end)
    const { entries } = Result.getOrThrow(read(text))
    expect(entries).toEqual([{ key: largest.key, value: largest.value }])
  })

  it("that was cut off anywhere is refused", () => {
    const text = Buffer.from(textOf(golden))
    for (let length = 0; length < text.length; length++) {
      const { reason } = failureOf(read(text.subarray(0, length)))
      expect(reason, `${length} bytes`).toBe(length === 0 ? "notAnExport" : "endMissing")
    }
  })

  it("in which one byte of an entry was changed, or a line was lost, is refused", () => {
    const text = Buffer.from(textOf(golden))
    const { below } = seededNumbers(11)
    const from = golden[0]!.length + 1
    const until = text.length - golden[4]!.length - 1
    for (let at = from; at < until; at++) {
      const changed = Buffer.from(text)
      changed[at] = (changed[at]! + 1 + below(255)) & 0xff
      expect(Result.isFailure(read(changed)), `byte ${at}`).toBe(true)
    }
    for (let lost = 0; lost < golden.length; lost++) {
      expect(Result.isFailure(read(textOf(golden.toSpliced(lost, 1)))), `line ${lost}`).toBe(true)
    }
  })

  it("says which line is wrong, and how", () => {
    const [header, first, second, third, end] = golden as [string, string, string, string, string]
    const wrong = (...lines: ReadonlyArray<string>) => refusalOf(textOf(lines))
    expect(refusalOf("")).toBe("1 notAnExport")
    expect(wrong(first)).toBe("1 notAnExport")
    expect(wrong('{"format":"something","version":1}')).toBe("1 notAnExport")
    expect(wrong(header.replace("1", "2"), first)).toBe("1 versionUnknown")
    for (const line of ["", "[]", '{"key":"YQ=="}', '{"key":"YQ==","value":"Zm9"}']) {
      expect(wrong(header, line), line).toBe("2 malformed")
    }
    expect(wrong(header, '{"key":"YQ==","value":"","more":1}')).toBe("2 malformed")
    expect(wrong(header, '{"key":"","value":""}')).toBe("2 beyondLimits")
    const long = Buffer.alloc(Limits.keyBytesMax + 1).toString("base64")
    expect(wrong(header, `{"key":"${long}","value":""}`)).toBe("2 beyondLimits")
    expect(wrong(header, second, first)).toBe("3 notAscending")
    expect(wrong(header, first, first)).toBe("3 notAscending")
    expect(wrong(header, first, second, end)).toBe("4 countDiffers")
    const other = first.replace("Zm9v", "Zm9w")
    expect(wrong(header, other, second, third, end)).toBe("5 checksumDiffers")
    expect(wrong(header, first, second)).toBe("3 endMissing")
    expect(wrong(...golden, first)).toBe("6 afterEnd")
    expect(refusalOf(`${textOf(golden)}{`)).toBe("5 endMissing")
  })

  it("a line without an end is refused before it fills the memory", () => {
    const reader = new ExportReader()
    reader.push(Buffer.from(textOf(golden.slice(0, 1))))
    const piece = Buffer.alloc(1 << 16, 0x61)
    let bytes = 0
    for (;;) {
      bytes += piece.length
      const found = reader.push(piece)
      if (Result.isFailure(found)) {
        expect(found.failure).toMatchObject({ line: 2, reason: "lineTooLong" })
        break
      }
      expect(bytes).toBeLessThanOrEqual(lineBytesMax)
    }
  })
})
