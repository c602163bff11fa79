import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { LogIndex, MemberId, Term } from "../../../src/domain/Ids.ts"
import * as PeerMessages from "../../../src/domain/peer/PeerMessages.ts"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import type { Message } from "../../../src/domain/raft/Message.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const member = (id: number) => id as MemberId
const ends = { from: member(2), to: member(1) }
const head = { ...ends, term: 7 as Term }
const at = (term: number, index: number) => ({ term: term as Term, index: index as LogIndex })
const index = (value: number) => value as LogIndex
const entry = (offset: number, kind: Entry["kind"], data: string): Entry => ({
  ...at(5, 0x10 + offset),
  kind,
  data: hex(data)
})

/** One of each kind, with its bytes by hand from the table in PeerMessages.ts. */
const samples: ReadonlyArray<readonly [Message, string]> = [
  [
    {
      _tag: "Append",
      ...head,
      previous: at(5, 0x10),
      entries: [entry(1, "normal", "aabb"), entry(2, "registration", "")],
      commit: index(0x0f)
    },
    `01 0000000000000007 0000000000000005 0000000000000010 000000000000000f 00000002
     0000000000000005 01 00000002 aabb 0000000000000005 04 00000000`
  ],
  [
    { _tag: "AppendResponse", ...head, index: index(9), rejectionHint: undefined },
    "02 0000000000000007 0000000000000009 00"
  ],
  [
    { _tag: "AppendResponse", ...head, index: index(9), rejectionHint: at(4, 8) },
    "02 0000000000000007 0000000000000009 01 0000000000000004 0000000000000008"
  ],
  [
    { _tag: "Vote", ...head, last: at(6, 3), isTransfer: true },
    "03 0000000000000007 0000000000000006 0000000000000003 01"
  ],
  [
    { _tag: "VoteResponse", ...head, granted: false, committed: at(6, 40) },
    "04 0000000000000007 00 01 0000000000000006 0000000000000028"
  ],
  [
    { _tag: "PreVote", ...head, last: at(6, 3) },
    "05 0000000000000007 0000000000000006 0000000000000003"
  ],
  [
    { _tag: "PreVoteResponse", ...head, granted: true, committed: undefined },
    "06 0000000000000007 01 00"
  ],
  [
    { _tag: "Heartbeat", ...head, commit: index(3), readPosition: 0x0102030405 },
    "07 0000000000000007 0000000000000003 0000000102030405"
  ],
  [{ _tag: "HeartbeatResponse", ...head, readPosition: 5 }, "08 0000000000000007 0000000000000005"],
  [
    {
      _tag: "InstallSnapshot",
      ...head,
      snapshot: {
        ...at(4, 100),
        membership: Membership.make([member(1), member(2)], [member(3)])
      }
    },
    `09 0000000000000007 0000000000000004 0000000000000064 01 00
     0002 0000000000000001 0000000000000002 0000 0001 0000000000000003 0000`
  ],
  [{ _tag: "TimeoutNow", ...head }, "0a 0000000000000007"],
  [
    { _tag: "TransferLeadership", ...head, transferee: member(3) },
    "0b 0000000000000007 0000000000000003"
  ],
  [
    { _tag: "ReadIndex", ...ends, request: { requester: member(2), requestId: 2n ** 64n - 1n } },
    "0c 0000000000000002 ffffffffffffffff"
  ],
  [
    { _tag: "ReadIndexResponse", ...head, index: index(12), requestId: 2n ** 63n },
    "0d 0000000000000007 000000000000000c 8000000000000000"
  ]
]

const framed = (...bodies: ReadonlyArray<Buffer>): Buffer => {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(bodies.length)
  return Buffer.concat([
    count,
    ...bodies.flatMap((body) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(body.length)
      return [length, body]
    })
  ])
}

const decode = (bytes: Uint8Array) => PeerMessages.decode(ends, bytes)

describe("PeerMessages", () => {
  it.each(samples.map(([message, digits]) => ({ name: message._tag, message, digits })))(
    "is the golden bytes: $name",
    ({ digits, message }) => {
      const golden = framed(hex(digits))
      expect(PeerMessages.encode([message])).toEqual(golden)
      expect(PeerMessages.bytesOf(message)).toBe(golden.length - 2)
      expect(Result.getOrThrow(decode(golden))).toEqual([message])
    }
  )

  it("keeps the order of a frame, and takes the ends from the connection", () => {
    const messages = samples.map(([message]) => message)
    const bytes = PeerMessages.encode(messages)
    expect(Result.getOrThrow(decode(bytes))).toEqual(messages)
    const others = { from: member(8), to: member(9) }
    for (const message of Result.getOrThrow(PeerMessages.decode(others, bytes))) {
      expect(message).toMatchObject(others)
    }
  })

  it("refuses a message that is longer or shorter than its length says", () => {
    const timeout = hex("0a 0000000000000007")
    const longer = framed(Buffer.concat([timeout, Buffer.of(0)]))
    expect(decode(longer)).toMatchObject({ failure: { reason: "trailingBytes" } })
    const shorter = framed(timeout)
    shorter.writeUInt32BE(timeout.length - 1, 2)
    expect(Result.isFailure(decode(shorter))).toBe(true)
  })

  it("refuses a configuration that breaks a rule of configurations", () => {
    const snapshot = (lists: string) =>
      decode(framed(hex(`09 0000000000000007 0000000000000004 0000000000000064 01 ${lists}`)))
    const [one, two] = ["0000000000000001", "0000000000000002"]
    const broken = {
      "descending ids": `00 0002 ${two} ${one} 0000 0000 0000`,
      "a voter that learns": `00 0001 ${one} 0000 0001 ${one} 0000`,
      "next learners of nobody": `00 0001 ${one} 0000 0000 0001 ${two}`,
      "an automatic leave of nothing": `01 0001 ${one} 0000 0000 0000`
    }
    for (const [name, lists] of Object.entries(broken)) {
      expect(Result.isFailure(snapshot(lists)), name).toBe(true)
    }
    expect(Result.isSuccess(snapshot(`01 0001 ${one} 0001 ${two} 0000 0001 ${two}`))).toBe(true)
  })
})

describeTotalDecoder("frame of peer messages", {
  decode,
  valid: [PeerMessages.encode([]), PeerMessages.encode(samples.map(([message]) => message))],
  failures: ["Malformed"],
  encode: PeerMessages.encode,
  isDelimited: true
})
