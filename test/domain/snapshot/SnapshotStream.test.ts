import { crc32 } from "node:zlib"
import { describe, expect, it } from "vitest"
import type { LogIndex, Term } from "../../../src/domain/Ids.ts"
import {
  SnapshotDecoder,
  SnapshotEncoder,
  type SnapshotOf,
  type TableRow,
  tablesInOrder
} from "../../../src/domain/snapshot/SnapshotStream.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import { hex } from "../bytes/Decoding.ts"

const index = (value: number) => value as LogIndex
const of: SnapshotOf = { ceiling: index(9), cutover: index(5), term: 3 as Term }

/** The header and the chunks. */
function encoded(rows: ReadonlyArray<TableRow>, what = of): ReadonlyArray<Buffer> {
  const encoder = new SnapshotEncoder(what)
  const chunks = rows.flatMap((row) => encoder.add(row) ?? [])
  return [encoder.header, ...chunks, encoder.end()]
}

/** What a reader makes of the pieces: the rows and whether they are whole, or why it refuses. */
function read(pieces: ReadonlyArray<Uint8Array>) {
  const decoder = new SnapshotDecoder()
  const rows: Array<TableRow> = []
  for (const piece of pieces) {
    const pushed = decoder.push(piece)
    if (pushed._tag === "Failure") {
      const { failure } = pushed
      return failure._tag === "SnapshotCorrupted" ? failure.reason : failure._tag
    }
    // Views: what is kept of them is a copy.
    for (const { key, table, value } of pushed.success) {
      rows.push({ table, key: Buffer.from(key), value: Buffer.from(value) })
    }
  }
  return { of: decoder.of, rows, isComplete: decoder.isComplete }
}

const row = (table: TableRow["table"], key: string, value: string | Buffer): TableRow => ({
  table,
  key: Buffer.from(key, "latin1"),
  value: typeof value === "string" ? Buffer.from(value) : value
})

const two = [row("applied", "\0", "ab"), row("kv", "k1", "v")]

// Fields by hand from the layout in SnapshotStream.ts; checksum: Python's zlib.crc32 of the label, the
// header, the number and the payload.
const golden = hex(`5345414c534e5032 0010 0000000000000009 0000000000000005
  00000025 00000000
  0000000000000003 01 0001 00 00000002 6162 06 0002 6b31 00000001 76 ff 0000000000000002
  db45fc97`)

function randomRows(seed: number): ReadonlyArray<TableRow> {
  const numbers = seededNumbers(seed)
  return tablesInOrder.flatMap((table) => {
    const keys = new Set(Array.from({ length: numbers.below(30) }, () => 1 + numbers.below(1000)))
    return [...keys]
      .map((number) => number.toString(16).padStart(3, "0"))
      .sort()
      .map((key) => row(table, key, Buffer.alloc(numbers.below(60_000), numbers.below(256))))
  })
}

/** The stream cut anywhere. */
function cut(stream: Buffer, seed: number): ReadonlyArray<Buffer> {
  const numbers = seededNumbers(seed)
  const pieces: Array<Buffer> = []
  for (let at = 0; at < stream.length; ) {
    const until = at + numbers.below(1 + numbers.below(100_000))
    pieces.push(Buffer.from(stream.subarray(at, until)))
    at = until
  }
  return pieces
}

describe("a snapshot as a stream (SPEC §16)", () => {
  it("is the golden bytes", () => {
    expect(Buffer.concat(encoded(two))).toEqual(golden)
    expect(read([golden])).toEqual({ of, rows: two, isComplete: true })
  })

  it("has a header of version 1 while there is no cutover", () => {
    const plain = { ...of, cutover: index(0) }
    const stream = Buffer.concat(encoded(two, plain))
    expect(stream.subarray(0, 8).toString()).toBe("SEALSNP1")
    expect(read([stream])).toMatchObject({ of: plain, isComplete: true })
  })

  it("is the same however it is cut, in chunks of a bounded size", () => {
    for (let seed = 0; seed < 12; seed++) {
      const rows = randomRows(seed)
      const pieces = encoded(rows)
      for (const piece of pieces) expect(piece.length).toBeLessThan((256 << 10) + 60_100 + 30)
      expect(read(cut(Buffer.concat(pieces), seed))).toEqual({ of, rows, isComplete: true })
    }
  })

  it("is not complete before its last byte", () => {
    const stream = Buffer.concat(encoded(two))
    for (let length = 0; length < stream.length; length++) {
      const found = read([stream.subarray(0, length)])
      expect(typeof found === "object" && found.isComplete, `${length} bytes`).toBe(false)
    }
  })

  it("with a flipped bit is refused, or waits for what will never come", () => {
    for (let bit = 0; bit < 8 * golden.length; bit++) {
      const damaged = Buffer.from(golden)
      damaged[bit >>> 3]! ^= 1 << (bit & 7)
      const found = read([damaged])
      expect(typeof found === "string" || !found.isComplete, `bit ${bit}`).toBe(true)
    }
  })

  it("that lost a chunk, has one twice, or one of another snapshot is refused", () => {
    const large = Array.from({ length: 40 }, (_, at) =>
      row("kv", String(at).padStart(3, "0"), Buffer.alloc(30_000, at))
    )
    const [header, ...chunks] = encoded(large) as [Buffer, ...Array<Buffer>]
    expect(chunks.length).toBeGreaterThan(3)
    const [first, second, third, ...rest] = chunks as [Buffer, Buffer, Buffer, ...Array<Buffer>]
    expect(read([header, first, third, ...rest])).toBe("chunkMissing")
    expect(read([header, first, second, second, third, ...rest])).toBe("chunkMissing")
    const other = encoded(large, { ...of, ceiling: index(10) })
    expect(read([header, first, other[2]!, third, ...rest])).toBe("checksumMismatch")
    expect(read([header, ...chunks, first])).toBe("afterEnd")
    expect(read([header, ...chunks])).toMatchObject({ isComplete: true })
  })

  it("with rows out of order, or twice, is refused", () => {
    expect(read(encoded([row("kv", "b", ""), row("kv", "a", "")]))).toBe("notCanonical")
    expect(read(encoded([row("kv", "a", ""), row("kv", "a", "")]))).toBe("notCanonical")
    expect(read(encoded([row("kv", "a", ""), row("applied", "a", "")]))).toBe("notCanonical")
  })

  it("has as many rows in a chunk as its bytes allow, more than a call has arguments", () => {
    const [header] = encoded([])
    const count = 300_000
    const payload = Buffer.alloc(8 + 10 * count)
    payload.writeUInt8(3, 7)
    for (let at = 0; at < count; at++) {
      const from = 8 + 10 * at
      payload.writeUInt8(6, from)
      payload.writeUInt16BE(3, from + 1)
      payload.writeUIntBE(at, from + 3, 3)
    }
    const begin = Buffer.alloc(8)
    begin.writeUInt32BE(payload.length)
    const end = Buffer.alloc(4)
    const place = crc32(begin.subarray(4), crc32(header!, crc32("sealog/snapshot")))
    end.writeUInt32BE(crc32(payload, place))
    const pieces = [header!, Buffer.concat([begin, payload, end])]
    expect(read(pieces)).toMatchObject({ isComplete: false, rows: { length: count } })
  })

  it("of an unknown version, or that is none, is refused", () => {
    const later = Buffer.from(golden)
    later[7] = 0x33
    expect(read([later])).toBe("SnapshotVersionUnknown")
    expect(read([Buffer.from("not a snapshot at all, only text")])).toBe("notASnapshot")
  })

  it("that announces a chunk beyond all bounds is refused before it is kept", () => {
    const [header] = encoded(two)
    expect(read([header!, hex("7fffffff 00000000")])).toBe("outOfRange")
  })
})
