import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as WriterRecord from "../../../src/domain/encryption/WriterRecord.ts"
import * as WriterRegistry from "../../../src/domain/encryption/WriterRegistry.ts"
import { GroupId, NodeName, WriterId } from "../../../src/domain/Ids.ts"
import { describeTotalDecoder, failureOf, flippedBits, hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const groupId = GroupId.make(1)
const writerId = WriterId.make(1)
const registry: WriterRegistry.WriterRegistry = {
  writers: [{ writerId, ...Samples.writer }],
  rows: [
    {
      keyId: Samples.key(9),
      writerId,
      firstEpoch: Samples.epoch(1),
      lastEpoch: Samples.epoch(4),
      openingId: Samples.openingId
    }
  ]
}

// Fields by hand from the layout in WriterRecord.ts; checksums: Python's zlib.crc32(b"writers/" + the
// hex digits of the key + b"\0" + 0001 + the bytes before it).
const writerRecord = {
  key: hex("01 0001"),
  value: hex("01 02 6e31 202122232425262728292a2b2c2d2e2f a790b1a5")
}
const rowRecord = {
  key: hex("02 00000009 0001"),
  value: hex("01 0001 0004 505152535455565758595a5b5c5d5e5f 1bac7ef7")
}
const whole = hex(`01 0001 02 6e31 202122232425262728292a2b2c2d2e2f
  00000001 00000009 0001 0001 0004 505152535455565758595a5b5c5d5e5f`)

const decodeTable = (records: Iterable<WriterRecord.TableRecord>) =>
  WriterRecord.decodeTable(groupId, records)

describe("WriterRecord", () => {
  it("is the golden bytes", () => {
    const records = WriterRecord.changed(groupId, WriterRegistry.empty, registry)
    expect(records).toEqual([writerRecord, rowRecord])
    expect(Result.getOrThrow(decodeTable(records))).toEqual(registry)
    expect(WriterRecord.encode(registry)).toEqual(whole)
    expect(Result.getOrThrow(WriterRecord.decode(whole))).toEqual(registry)
  })

  it("writes what a registration has changed and nothing else", () => {
    const registration = {
      ...Samples.writer,
      keyId: Samples.key(9),
      epoch: Samples.epoch(5),
      openingId: Samples.otherOpeningId
    }
    const { registry: next } = WriterRegistry.register(registry, registration)
    const records = WriterRecord.changed(groupId, registry, next)
    expect(records.map(({ key }) => key)).toEqual([rowRecord.key])
    expect(Result.getOrThrow(decodeTable([writerRecord, ...records]))).toEqual(next)

    const joined = WriterRegistry.allocate(next, {
      ...Samples.writer,
      nodeName: NodeName.make("x")
    })
    const more = WriterRecord.changed(groupId, next, joined.registry)
    expect(more.map(({ key }) => key)).toEqual([hex("01 0002")])
    const table = [...more, ...records, writerRecord]
    expect(Result.getOrThrow(decodeTable(table))).toEqual(joined.registry)
  })

  it("fails for every flipped bit of a value or a key, and for a record under another key", () => {
    for (const record of [writerRecord, rowRecord]) {
      for (const { changed: value } of flippedBits(record.value)) {
        const failure = failureOf(decodeTable([{ ...record, value }]))
        expect(failure).toMatchObject({ _tag: "RecordCorrupted", reason: "checksumMismatch" })
      }
      for (const { changed: key } of flippedBits(record.key)) {
        const failure = failureOf(decodeTable([{ ...record, key }]))
        expect(failure).toMatchObject({ _tag: "RecordCorrupted", reason: "checksumMismatch" })
      }
    }
  })

  it("misses a writer that is not there", () => {
    expect(failureOf(decodeTable([rowRecord]))).toMatchObject({
      record: "writers",
      reason: "missing"
    })
    const second = WriterRecord.changed(groupId, registry, {
      ...registry,
      writers: [...registry.writers, { ...registry.writers[0]!, writerId: WriterId.make(2) }]
    })
    expect(failureOf(decodeTable(second))).toMatchObject({ reason: "missing" })
    expect(Result.getOrThrow(decodeTable([]))).toEqual(WriterRegistry.empty)
  })

  it("refuses rows out of order, of unknown writers, and with epochs that go back", () => {
    const row = whole.subarray(-26)
    const twice = Buffer.concat([whole, row])
    twice.writeUInt32BE(2, whole.length - 30)
    expect(failureOf(WriterRecord.decode(twice))).toMatchObject({ reason: "notCanonical" })
    const edited = (value: number, fromEnd: number) => {
      const bytes = Buffer.from(whole)
      bytes.writeUInt16BE(value, bytes.length - fromEnd)
      return failureOf(WriterRecord.decode(bytes))
    }
    expect(edited(2, 22)).toMatchObject({ reason: "outOfRange" })
    expect(edited(5, 20)).toMatchObject({ reason: "outOfRange" })
    expect(edited(0, 20)).toMatchObject({ reason: "outOfRange" })
  })
})

describeTotalDecoder("writer registry", {
  decode: WriterRecord.decode,
  encode: WriterRecord.encode,
  valid: [whole, hex("01 0000 00000000")],
  failures: ["Malformed"],
  isDelimited: true
})

describeTotalDecoder("writer record", {
  decode: (value) => decodeTable([{ ...writerRecord, value }]),
  valid: [writerRecord.value],
  failures: ["RecordCorrupted"],
  isDelimited: true
})
