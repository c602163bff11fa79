/**
 * Raft messages as bytes: those of one frame between two members (SPEC §9).
 *
 * Who speaks to whom is said by the connection, and so is not in the bytes: a peer cannot speak for
 * another. What must never happen here: a message read in two ways, an entry at another index than the
 * sender's, an allocation by a length that was not checked. Proof: `PeerMessages.test.ts`.
 *
 * Shape: `count(2)`, then `length(4) ‖ tag(1) ‖ fields` each. Every message but `ReadIndex` begins with
 * `term(8)`. A position is `term(8) ‖ index(8)`, a flag 1 byte, 0 or 1, an entry `term(8) ‖ kind(1) ‖
 * length(4) ‖ data`; the indexes of entries follow the previous position.
 *
 * | tag | message | fields after the term |
 * |---|---|---|
 * | 1 | `Append` | previous ‖ `commit(8) ‖ count(4)`, then entries |
 * | 2 | `AppendResponse` | `index(8)` ‖ flag ‖ hint, if the flag is 1 |
 * | 3 | `Vote` | last ‖ flag transfer |
 * | 4, 6 | `VoteResponse`, `PreVoteResponse` | flag granted ‖ flag ‖ committed, if the flag is 1 |
 * | 5 | `PreVote` | last |
 * | 7 | `Heartbeat` | `commit(8) ‖ readPosition(8)` |
 * | 8 | `HeartbeatResponse` | `readPosition(8)` |
 * | 9 | `InstallSnapshot` | position ‖ configuration (`raft/MembershipRecord`) |
 * | 10 | `TimeoutNow` | |
 * | 11 | `TransferLeadership` | `transferee(8)` |
 * | 12 | `ReadIndex` (no term) | `requester(8) ‖ requestId(8)` |
 * | 13 | `ReadIndexResponse` | `index(8) ‖ requestId(8)` |
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { LogIndex, MemberId, Term } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { Entry, EntryKind } from "../raft/Entry.ts"
import * as MembershipRecord from "../raft/MembershipRecord.ts"
import type { Append, Message, VoteResponse } from "../raft/Message.ts"
import type { Position } from "../raft/Position.ts"

/** The two ends of a connection, as the receiver knows them. */
export interface Ends {
  readonly from: MemberId
  readonly to: MemberId
}

const tags = {
  Append: 1,
  AppendResponse: 2,
  Vote: 3,
  VoteResponse: 4,
  PreVote: 5,
  PreVoteResponse: 6,
  Heartbeat: 7,
  HeartbeatResponse: 8,
  InstallSnapshot: 9,
  TimeoutNow: 10,
  TransferLeadership: 11,
  ReadIndex: 12,
  ReadIndexResponse: 13
} as const satisfies Record<Message["_tag"], number>

const kinds: ReadonlyArray<EntryKind> = ["normal", "noop", "membership", "registration"]
const entryHeaderBytes = 13

/** Bytes of one message in a frame, its length included. */
export function bytesOf(message: Message): number {
  const fixed = 4 + 1 + (message._tag === "ReadIndex" ? 0 : 8)
  switch (message._tag) {
    case "Append":
      return message.entries.reduce(
        (size, { data }) => size + entryHeaderBytes + data.length,
        fixed + 28
      )
    case "AppendResponse":
      return fixed + (message.rejectionHint === undefined ? 9 : 25)
    case "Vote":
      return fixed + 17
    case "PreVote":
    case "Heartbeat":
    case "ReadIndex":
    case "ReadIndexResponse":
      return fixed + 16
    case "VoteResponse":
    case "PreVoteResponse":
      return fixed + (message.committed === undefined ? 2 : 18)
    case "HeartbeatResponse":
    case "TransferLeadership":
      return fixed + 8
    case "InstallSnapshot":
      return fixed + 16 + MembershipRecord.bytesOf(message.snapshot.membership)
    case "TimeoutNow":
      return fixed
  }
}

/** One allocation. */
export function encode(messages: ReadonlyArray<Message>): Buffer {
  const size = messages.reduce((sum, message) => sum + bytesOf(message), 2)
  const writer = ByteWriter.allocate(size).u16(messages.length)
  for (const message of messages) {
    writer.u32(bytesOf(message) - 4).u8(tags[message._tag])
    if (message._tag !== "ReadIndex") writer.u64(message.term)
    writeFields(writer, message)
  }
  return writer.done()
}

/** The data of entries are views of `bytes`. */
export function decode(ends: Ends, bytes: Uint8Array): Decoded<ReadonlyArray<Message>> {
  const reader = new ByteReader("peer messages", bytes)
  const count = reader.count("u16", 5)
  const messages: Array<Message> = []
  for (let at = 0; at < count && !reader.isRefused; at++) {
    const length = reader.within("u32", 1, reader.remaining)
    const end = reader.remaining - length
    messages.push(readMessage(reader, ends))
    if (reader.remaining !== end) reader.refuse("trailingBytes")
  }
  return reader.end(messages)
}

function writeFields(writer: ByteWriter, message: Message): void {
  switch (message._tag) {
    case "Append":
      return writeAppend(writer, message)
    case "AppendResponse": {
      const { index, rejectionHint } = message
      writer.u64(index).u8(flag(rejectionHint !== undefined))
      if (rejectionHint !== undefined) writePosition(writer, rejectionHint)
      return
    }
    case "Vote":
      return void writePosition(writer, message.last).u8(flag(message.isTransfer))
    case "PreVote":
      return void writePosition(writer, message.last)
    case "VoteResponse":
    case "PreVoteResponse": {
      const { committed, granted } = message
      writer.u8(flag(granted)).u8(flag(committed !== undefined))
      if (committed !== undefined) writePosition(writer, committed)
      return
    }
    case "Heartbeat":
      return void writer.u64(message.commit).u64(message.readPosition)
    case "HeartbeatResponse":
      return void writer.u64(message.readPosition)
    case "InstallSnapshot":
      writePosition(writer, message.snapshot)
      return void MembershipRecord.write(writer, message.snapshot.membership)
    case "TimeoutNow":
      return
    case "TransferLeadership":
      return void writer.u64(message.transferee)
    case "ReadIndex":
      return void writer.u64(message.request.requester).u64BigInt(message.request.requestId)
    case "ReadIndexResponse":
      return void writer.u64(message.index).u64BigInt(message.requestId)
  }
}

function writeAppend(writer: ByteWriter, { commit, entries, previous }: Append): void {
  writePosition(writer, previous).u64(commit).u32(entries.length)
  for (const [offset, { data, index, kind, term }] of entries.entries()) {
    invariant(index === previous.index + 1 + offset, "entries follow the position they are after")
    writer
      .u64(term)
      .u8(kinds.indexOf(kind) + 1)
      .u32(data.length)
      .bytes(data)
  }
}

const writePosition = (writer: ByteWriter, { index, term }: Position): ByteWriter =>
  writer.u64(term).u64(index)

const flag = (isSet: boolean): 0 | 1 => (isSet ? 1 : 0)

function readMessage(reader: ByteReader, ends: Ends): Message {
  const tag = reader.choice(tags.Append, tags.ReadIndexResponse, "unknownTag")
  if (tag === tags.ReadIndex) {
    const requester = readMember(reader)
    return { _tag: "ReadIndex", ...ends, request: { requester, requestId: reader.u64BigInt() } }
  }
  const head = { ...ends, term: reader.u64() as Term }
  switch (tag) {
    case tags.Append:
      return readAppend(reader, head)
    case tags.AppendResponse: {
      const index = readIndex(reader)
      const rejectionHint = readFlag(reader) ? readPosition(reader) : undefined
      return { _tag: "AppendResponse", ...head, index, rejectionHint }
    }
    case tags.Vote: {
      const last = readPosition(reader)
      return { _tag: "Vote", ...head, last, isTransfer: readFlag(reader) }
    }
    case tags.PreVote:
      return { _tag: "PreVote", ...head, last: readPosition(reader) }
    case tags.VoteResponse:
      return { _tag: "VoteResponse", ...head, ...readVote(reader) }
    case tags.PreVoteResponse:
      return { _tag: "PreVoteResponse", ...head, ...readVote(reader) }
    case tags.Heartbeat: {
      const commit = readIndex(reader)
      return { _tag: "Heartbeat", ...head, commit, readPosition: reader.u64() }
    }
    case tags.HeartbeatResponse:
      return { _tag: "HeartbeatResponse", ...head, readPosition: reader.u64() }
    case tags.InstallSnapshot: {
      const position = readPosition(reader)
      const membership = MembershipRecord.read(reader)
      return { _tag: "InstallSnapshot", ...head, snapshot: { ...position, membership } }
    }
    case tags.TransferLeadership:
      return { _tag: "TransferLeadership", ...head, transferee: readMember(reader) }
    case tags.ReadIndexResponse: {
      const index = readIndex(reader)
      return { _tag: "ReadIndexResponse", ...head, index, requestId: reader.u64BigInt() }
    }
    default:
      return { _tag: "TimeoutNow", ...head }
  }
}

function readAppend(reader: ByteReader, head: Ends & { readonly term: Term }): Append {
  const previous = readPosition(reader)
  const commit = readIndex(reader)
  const count = reader.count("u32", entryHeaderBytes)
  const entries: Array<Entry> = []
  for (let at = 0; at < count && !reader.isRefused; at++) {
    const index = (previous.index + 1 + at) as LogIndex
    if (!Number.isSafeInteger(index)) reader.refuse("outOfRange")
    const term = reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as Term
    const kind = kinds[reader.choice(1, kinds.length, "unknownTag") - 1] ?? "normal"
    entries.push({ term, index, kind, data: reader.block("u32", 0, 0xffffffff) })
  }
  return { _tag: "Append", ...head, previous, entries, commit }
}

function readVote(reader: ByteReader): Pick<VoteResponse, "granted" | "committed"> {
  const granted = readFlag(reader)
  return { granted, committed: readFlag(reader) ? readPosition(reader) : undefined }
}

function readPosition(reader: ByteReader): Position {
  const term = reader.u64() as Term
  return { term, index: readIndex(reader) }
}

const readIndex = (reader: ByteReader): LogIndex => reader.u64() as LogIndex

const readMember = (reader: ByteReader): MemberId =>
  reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId

const readFlag = (reader: ByteReader): boolean => reader.choice(0, 1, "unknownFlag") === 1
