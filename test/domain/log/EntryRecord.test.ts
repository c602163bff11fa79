import { crc32 } from "node:zlib"
import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { GroupId, LogIndex, Term } from "../../../src/domain/Ids.ts"
import * as EntryRecord from "../../../src/domain/log/EntryRecord.ts"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import {
  bytesOf,
  describeTotalDecoder,
  failureOf,
  flippedBits,
  hex,
  int
} from "../bytes/Decoding.ts"

const groupId = 0x0102 as GroupId
const index = 0x0304050607 as LogIndex
const entry: Entry = { term: 9 as Term, index, kind: "normal", data: Buffer.from("data") }

// The checksum is that of Python's zlib.crc32 over
// b"sealog/entry" + 0102 + 0000000304050607 + the 13 bytes before it.
const golden = hex("0000000000000009 01 64617461 59b77ffb")

describe("EntryRecord", () => {
  it("is the golden bytes", () => {
    expect(EntryRecord.encode(groupId, entry)).toEqual(golden)
    expect(EntryRecord.overheadBytes).toBe(golden.length - 4)
  })

  it.prop(
    "round-trips",
    {
      groupId: int(0, 0xffff),
      index: int(1, Number.MAX_SAFE_INTEGER),
      term: int(1, Number.MAX_SAFE_INTEGER),
      kind: Schema.Literals(["normal", "noop", "membership", "registration"]),
      data: Schema.Uint8Array
    },
    (any) => {
      const group = any.groupId as GroupId
      const written = { ...any, index: any.index as LogIndex, term: any.term as Term }
      const read = EntryRecord.decode(group, written.index, EntryRecord.encode(group, written))
      const { data, kind, index, term } = Result.getOrThrow(read)
      expect({ kind, index, term, data: bytesOf(data) }).toEqual({
        kind: any.kind,
        index: any.index,
        term: any.term,
        data: any.data
      })
    },
    { arbitrary: { runs: 200, seed: 11 } }
  )

  it("fails for every flipped bit", () => {
    for (const { changed } of flippedBits(golden)) {
      expect(failureOf(EntryRecord.decode(groupId, index, changed))).toMatchObject({
        _tag: "LogCorrupted",
        groupId,
        index,
        reason: "checksumMismatch"
      })
    }
  })

  it("fails at another index and in another group", () => {
    const elsewhere = [
      EntryRecord.decode(groupId, (index + 1) as LogIndex, golden),
      EntryRecord.decode(groupId, (index + 2 ** 32) as LogIndex, golden),
      EntryRecord.decode((groupId + 1) as GroupId, index, golden)
    ]
    for (const read of elsewhere) {
      expect(failureOf(read)).toMatchObject({ reason: "checksumMismatch" })
    }
  })

  it("names an unknown kind and a term out of range although the checksum holds", () => {
    const signed = (digits: string) => {
      const record = hex(`${digits} 00000000`)
      const place = hex("0102 0000000304050607")
      const label = Buffer.from("sealog/entry")
      const checksum = crc32(Buffer.concat([label, place, record.subarray(0, -4)]))
      record.writeUInt32BE(checksum, record.length - 4)
      return EntryRecord.decode(groupId, index, record)
    }
    for (const kind of ["00", "05", "ff"]) {
      expect(failureOf(signed(`0000000000000001 ${kind}`))).toMatchObject({ reason: "badKind" })
    }
    expect(failureOf(signed("0000000000000000 01"))).toMatchObject({ reason: "outOfRange" })
    expect(failureOf(signed("0020000000000000 01"))).toMatchObject({ reason: "outOfRange" })
    expect(Result.isSuccess(signed("001fffffffffffff 04"))).toBe(true)
  })

  it("refuses to write an entry before the log", () => {
    expect(() => EntryRecord.encode(groupId, { ...entry, index: 0 as LogIndex })).toThrow()
    expect(() => EntryRecord.encode(groupId, { ...entry, term: 0 as Term })).toThrow()
  })

  it("reads data as a view", () => {
    const record = Buffer.from(golden)
    const { data } = Result.getOrThrow(EntryRecord.decode(groupId, index, record))
    expect(data.buffer).toBe(record.buffer)
  })
})

describeTotalDecoder("log entry", {
  decode: (bytes) => EntryRecord.decode(groupId, index, bytes),
  encode: (entry) => EntryRecord.encode(groupId, entry),
  valid: [golden],
  failures: ["LogCorrupted"],
  isDelimited: true
})
