import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import * as SnapshotHeader from "../../../src/domain/snapshot/SnapshotHeader.ts"
import { describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"

const header = (ceiling: number, cutover: number) => ({
  ceiling: ceiling as LogIndex,
  cutover: cutover as LogIndex
})

// By hand from SPEC §16: "SEALSNP1" is 5345414c534e5031.
const v1 = hex("5345414c534e5031 0000000000010203")
const v2 = hex("5345414c534e5032 0010 0000000000010203 0000000000000405")
const v2Longer = hex("5345414c534e5032 0013 0000000000010203 0000000000000405 aabbcc")

const decode = (bytes: Uint8Array) => Result.getOrThrow(SnapshotHeader.decode(bytes))

describe("SnapshotHeader", () => {
  it("is v1 while nothing is cut over, v2 ever after", () => {
    expect(SnapshotHeader.encode(header(0x010203, 0))).toEqual(v1)
    expect(SnapshotHeader.encode(header(0x010203, 0x0405))).toEqual(v2)
  })

  it("reads both, and says where the body begins", () => {
    const body = Buffer.from("body")
    expect(decode(Buffer.concat([v1, body]))).toEqual({ header: header(0x010203, 0), bodyFrom: 16 })
    expect(decode(Buffer.concat([v2, body]))).toEqual({
      header: header(0x010203, 0x0405),
      bodyFrom: 26
    })
  })

  it("skips the fields of a newer release inside the length", () => {
    const read = decode(Buffer.concat([v2Longer, Buffer.from("body")]))
    expect(read).toEqual({ header: header(0x010203, 0x0405), bodyFrom: 29 })
    const longest = Buffer.alloc(SnapshotHeader.bytesMax)
    v2.copy(longest)
    longest.writeUInt16BE(0xffff, 8)
    expect(decode(longest).bodyFrom).toBe(SnapshotHeader.bytesMax)
  })

  it("refuses every other version, and everything that is no snapshot", () => {
    for (let version = 0; version < 256; version++) {
      const bytes = Buffer.from(v2)
      bytes[7] = version
      const read = SnapshotHeader.decode(bytes)
      if (version === 0x31 || version === 0x32) expect(Result.isSuccess(read)).toBe(true)
      else expect(failureOf(read)).toMatchObject({ _tag: "SnapshotVersionUnknown", version })
    }
    const other = SnapshotHeader.decode(Buffer.from("SEALSNQ1 and more of it"))
    expect(failureOf(other)).toMatchObject({ _tag: "SnapshotCorrupted", reason: "notASnapshot" })
    const three = Buffer.from("SEALSNP3")
    expect(failureOf(SnapshotHeader.decode(three)).message).toContain("version 3")
  })

  it("refuses every truncation", () => {
    for (const bytes of [v1, v2, v2Longer]) {
      for (let length = 0; length < bytes.length; length++) {
        const failure = failureOf(SnapshotHeader.decode(bytes.subarray(0, length)))
        expect(failure).toMatchObject({ _tag: "SnapshotCorrupted", reason: "truncated" })
      }
    }
    const short = hex("5345414c534e5032 000f 0000000000010203 0000000000000405")
    expect(failureOf(SnapshotHeader.decode(short))).toMatchObject({ reason: "truncated" })
  })

  it("refuses indexes that cannot be, and a v2 without a cutover", () => {
    const refused = (digits: string) => failureOf(SnapshotHeader.decode(hex(digits)))
    const v2Of = (ceiling: string, cutover: string) =>
      refused(`5345414c534e5032 0010 ${ceiling} ${cutover}`)
    expect(refused("5345414c534e5031 0000000000000000")).toMatchObject({ reason: "outOfRange" })
    expect(refused("5345414c534e5031 0020000000000000")).toMatchObject({ reason: "outOfRange" })
    expect(v2Of("0000000000000005", "0000000000000006")).toMatchObject({ reason: "outOfRange" })
    expect(v2Of("0000000000000005", "0000000000000000")).toMatchObject({ reason: "notCanonical" })
    expect(() => SnapshotHeader.encode(header(5, 6))).toThrow("no cutover after")
    expect(() => SnapshotHeader.encode(header(0, 0))).toThrow("at least one entry")
  })

  it.prop(
    "round-trips; a snapshot exactly at the cutover included",
    { ceiling: int(1, Number.MAX_SAFE_INTEGER), below: int(0, 1000) },
    ({ below, ceiling }) => {
      for (const cutover of [0, Math.max(1, ceiling - below), ceiling]) {
        const written = header(ceiling, cutover)
        const bytes = SnapshotHeader.encode(written)
        expect(decode(bytes)).toEqual({ header: written, bodyFrom: bytes.length })
      }
    },
    { arbitrary: { runs: 200, seed: 41 } }
  )
})

describeTotalDecoder("snapshot header", {
  decode: SnapshotHeader.decode,
  valid: [v1, v2, v2Longer],
  failures: ["SnapshotCorrupted", "SnapshotVersionUnknown"]
})
