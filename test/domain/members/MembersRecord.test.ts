import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { GroupId, Incarnation, MemberId, NodeName } from "../../../src/domain/Ids.ts"
import * as Record from "../../../src/domain/log/Record.ts"
import type { Member } from "../../../src/domain/members/Member.ts"
import type { Members } from "../../../src/domain/members/Members.ts"
import { empty } from "../../../src/domain/members/Members.ts"
import * as MembersContext from "../../../src/domain/members/MembersContext.ts"
import * as MembersRecord from "../../../src/domain/members/MembersRecord.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import type { Row } from "../../../src/domain/state/StateTransaction.ts"
import { describeTotalDecoder, flippedBits, hex } from "../bytes/Decoding.ts"

const groupId = 1 as GroupId
const first: Member = {
  id: 1 as MemberId,
  nodeName: "n1" as NodeName,
  incarnation: "202122232425262728292a2b2c2d2e2f" as Incarnation,
  address: { host: "::1", port: 7001 }
}
const second: Member = {
  id: 0x0102030405 as MemberId,
  nodeName: "b" as NodeName,
  incarnation: "303132333435363738393a3b3c3d3e3f" as Incarnation,
  address: undefined
}
const members: Members = {
  configuration: Membership.make([first.id], [second.id]),
  byId: new Map([first, second].map((member) => [member.id, member])),
  nextMemberId: 0x0102030406 as MemberId
}

// Fields by hand.
const firstBytes =
  "0000000000000001 02 6e31 202122232425262728292a2b2c2d2e2f 0a 5b3a3a315d3a37303031"
const secondBytes = "0000000102030405 01 62 303132333435363738393a3b3c3d3e3f 00"

// Checksums: Python's zlib.crc32(b"members/<key in hex>\0" + 0001 + the body).
const goldenRows: ReadonlyArray<Row> = [
  {
    key: hex("00"),
    value: hex(`01 0000000102030406
      01 00 0001 0000000000000001 0000 0001 0000000102030405 0000 2ce746ae`)
  },
  { key: hex("01 0000000000000001"), value: hex(`01 ${firstBytes} d34b9897`) },
  { key: hex("01 0000000102030405"), value: hex(`01 ${secondBytes} 59c052b9`) }
]

const tableOf = (rows: ReadonlyArray<Row>) => MembersRecord.decodeTable(groupId, rows)

describe("the table of the members", () => {
  it("is the golden bytes", () => {
    const changed = MembersRecord.changed(groupId, empty, members)
    expect(changed.map(({ key, value }) => [key, value])).toEqual(
      goldenRows.map(({ key, value }) => [key, value])
    )
    expect(Result.getOrThrow(tableOf(goldenRows))).toEqual(members)
    expect(Result.getOrThrow(tableOf([]))).toEqual(empty)
  })

  it("changes by what is different: a member that moved, one that is gone", () => {
    const moved = { ...first, address: { host: "127.0.0.1", port: 1 } }
    const after: Members = {
      ...members,
      configuration: Membership.make([first.id]),
      byId: new Map([[first.id, moved]])
    }
    const changed = MembersRecord.changed(groupId, members, after)
    expect(changed.map(({ key, value }) => [key.length, value === undefined])).toEqual([
      [1, false],
      [9, true],
      [9, false]
    ])
  })

  it("is corrupted without any one of its records, with one under another key, or a flipped bit", () => {
    for (const at of goldenRows.keys()) {
      const result = tableOf(goldenRows.toSpliced(at, 1))
      expect(Result.isFailure(result), String(at)).toBe(true)
    }
    const [configuration, one, two] = goldenRows as [Row, Row, Row]
    const swapped = [configuration, { ...one, value: two.value }, { ...two, value: one.value }]
    expect(Result.isFailure(tableOf(swapped))).toBe(true)
    for (const [at, row] of goldenRows.entries()) {
      for (const { changed } of flippedBits(Buffer.from(row.value))) {
        const result = tableOf(goldenRows.with(at, { ...row, value: changed }))
        expect(Result.isFailure(result)).toBe(true)
      }
    }
  })
})

describe("a member under the key of another", () => {
  it("is corruption, also if its checksum is right", () => {
    const [configuration, one, two] = goldenRows as [Row, Row, Row]
    const key = hex("01 0000000000000007")
    const label = `members/${key.toString("hex")}`
    const body = Buffer.from(two.value).subarray(0, -Record.checksumBytes)
    const misplaced = { key, value: Record.encode({ label, groupId }, body) }
    expect(Result.isFailure(tableOf([configuration, one, misplaced]))).toBe(true)
  })
})

describe("the context of a change", () => {
  const golden = hex(`01 0002 ${firstBytes} ${secondBytes}`)

  it("is the golden bytes, whatever the order it is given in", () => {
    expect(MembersContext.encode([second, first])).toEqual(golden)
    expect(MembersContext.decode(golden)).toEqual([first, second])
    expect(MembersContext.encode([])).toHaveLength(0)
    expect(MembersContext.decode(new Uint8Array(0))).toEqual([])
  })

  it("is in one order and one spelling", () => {
    for (const bytes of [
      hex(`01 0002 ${secondBytes} ${firstBytes}`),
      hex(`01 0002 ${firstBytes} ${firstBytes}`),
      hex("01 0000"),
      // A port with a leading zero.
      hex(
        `01 0001 0000000000000001 02 6e31 ${"20".repeat(16)} 03 613a30`.replace(
          "03 613a30",
          "04 613a3031"
        )
      )
    ]) {
      expect(MembersContext.decode(bytes)).toBeUndefined()
    }
  })
})

describeTotalDecoder("context of a change", {
  decode: (bytes) => {
    const decoded = MembersContext.decode(bytes)
    return decoded === undefined
      ? Result.fail({ _tag: "Refused" as const })
      : Result.succeed(decoded)
  },
  encode: (value) => Buffer.from(MembersContext.encode(value)),
  valid: [hex(`01 0002 ${firstBytes} ${secondBytes}`)],
  failures: ["Refused"]
})
