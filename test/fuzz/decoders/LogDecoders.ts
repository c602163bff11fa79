/** The formats of the log environment and of entries (SPEC §7, §8). */
import { crc32 } from "node:zlib"
import * as Result from "effect/Result"
import * as AppliedRecord from "../../../src/domain/apply/AppliedRecord.ts"
import * as Registration from "../../../src/domain/encryption/Registration.ts"
import type {
  ClusterId,
  Incarnation,
  KeyId,
  LocalEpoch,
  LogIndex,
  MemberId,
  NodeName,
  OpeningId,
  ProposalId,
  Revision,
  StateGeneration,
  Term
} from "../../../src/domain/Ids.ts"
import * as EntryRecord from "../../../src/domain/log/EntryRecord.ts"
import * as HardStateRecord from "../../../src/domain/log/HardStateRecord.ts"
import * as LocalRecord from "../../../src/domain/log/LocalRecord.ts"
import * as Payload from "../../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import type { SessionId } from "../../../src/domain/log/Request.ts"
import * as SnapshotPointerRecord from "../../../src/domain/log/SnapshotPointerRecord.ts"
import * as FormatVersion from "../../../src/domain/state/FormatVersion.ts"
import type { Decoder } from "../Decoder.ts"
import { bodyOf, codec, groupId, sealedAs } from "./Codec.ts"

const index = 7 as LogIndex
const term = 3 as Term
export const incarnation = (digit: string) => digit.repeat(32) as Incarnation
export const nodeName = "node-1" as NodeName
const opening = "c".repeat(32) as OpeningId
const sessionId = "5e".repeat(16) as SessionId
const malformed = ["Malformed"]
const corrupted = ["RecordCorrupted"]

/** An entry record with the right checksum. */
function sealedEntry(content: Uint8Array): Uint8Array {
  const place = Buffer.alloc(10)
  place.writeBigUInt64BE(BigInt(index), 2)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(content, crc32(place, crc32("sealog/entry"))))
  return Buffer.concat([content, checksum])
}

const local: LocalRecord.LocalRecord = {
  nodeName,
  incarnation: incarnation("1"),
  groupId,
  admitted: undefined,
  bootCount: 4,
  epochs: new Map(),
  peers: new Map()
}
const locals: ReadonlyArray<LocalRecord.LocalRecord> = [
  local,
  {
    ...local,
    admitted: { clusterId: "ab".repeat(16) as ClusterId, memberId: 2 as MemberId },
    epochs: new Map([1, 9].map((id) => [id as KeyId, 5 as LocalEpoch])),
    peers: new Map(
      ["2", "3"].map((digit) => [incarnation(digit), { bootCount: 2, openingId: opening }])
    )
  }
]

const request = (text: string, sequence?: number) => ({
  session: sequence === undefined ? undefined : { sessionId, sequence },
  content: Buffer.from(text)
})
const payloads: ReadonlyArray<Payload.Payload> = [
  { _tag: "Requests", requests: [request("one")] },
  { _tag: "Requests", requests: [request("one", 5)] },
  { _tag: "Requests", requests: [request("one", 5), request(""), request("three")] },
  { _tag: "OpenSession", sessionId },
  { _tag: "ExpireSessions", sessions: [{ sessionId, lastIndex: index }] },
  { _tag: "EnableRaftEnvelope", raftKeyId: 7 as KeyId }
]

const isBatchOfOne = (payload: Payload.Payload, [opcode]: Uint8Array): boolean =>
  opcode === 0x01 && payload._tag === "Requests" && payload.requests.length === 1

export const decoders: ReadonlyArray<Decoder> = [
  {
    ...codec({
      name: "proposal-envelope",
      modules: ["domain/log/ProposalEnvelope.ts"],
      seeds: ["", "body"].map((body) =>
        ProposalEnvelope.encode({ proposalId: 1n as ProposalId, body: Buffer.from(body) })
      ),
      refusals: malformed,
      decode: (bytes) => {
        const decoded = ProposalEnvelope.decode(bytes)
        const isOne = Result.isSuccess(decoded)
        const short = [ProposalEnvelope.proposalIdOf(bytes), ProposalEnvelope.bodyOf(bytes)]
        if (short.some((part) => (part !== undefined) !== isOne)) throw new Error("two verdicts")
        return decoded
      },
      encode: ProposalEnvelope.encode
    })
  },
  codec({
    name: "payload",
    modules: ["domain/log/Payload.ts", "domain/log/Request.ts"],
    seeds: payloads.map(Payload.encode),
    refusals: ["Malformed", "UnknownOpcode"],
    decode: Payload.decode,
    // A batch of one may be read, and is written as a request.
    encode: (payload, bytes) => (isBatchOfOne(payload, bytes) ? bytes : Payload.encode(payload))
  }),
  codec({
    name: "entry-record",
    modules: ["domain/log/EntryRecord.ts"],
    seeds: (["normal", "noop", "membership", "registration"] as const).map((kind) =>
      bodyOf(EntryRecord.encode(groupId, { term, index, kind, data: Buffer.from(kind) }))
    ),
    seal: sealedEntry,
    refusals: ["LogCorrupted"],
    decode: (bytes) => EntryRecord.decode(groupId, index, bytes),
    encode: (entry) => EntryRecord.encode(groupId, entry)
  }),
  codec({
    name: "hard-state-record",
    modules: ["domain/log/HardStateRecord.ts", "domain/log/Record.ts"],
    seeds: [undefined, 3 as MemberId].map((vote) =>
      bodyOf(HardStateRecord.encode(groupId, { term, vote, commit: index }))
    ),
    seal: sealedAs("hardState"),
    refusals: corrupted,
    decode: (bytes) => HardStateRecord.decode(groupId, bytes),
    encode: (state) => HardStateRecord.encode(groupId, state)
  }),
  codec({
    name: "snapshot-pointer-record",
    modules: ["domain/log/SnapshotPointerRecord.ts"],
    seeds: [0, 5].map((cutover) => {
      const generation = 2 as StateGeneration
      const pointer = { index, term, cutover: cutover as LogIndex, generation }
      return bodyOf(SnapshotPointerRecord.encode(groupId, pointer))
    }),
    seal: sealedAs("snapshotPointer"),
    refusals: corrupted,
    decode: (bytes) => SnapshotPointerRecord.decode(groupId, bytes),
    encode: (pointer) => SnapshotPointerRecord.encode(groupId, pointer)
  }),
  codec({
    name: "local-record",
    modules: ["domain/log/LocalRecord.ts", "domain/encryption/WriterIdentity.ts"],
    seeds: locals.map((record) => bodyOf(LocalRecord.encode(record))),
    seal: sealedAs("local"),
    refusals: corrupted,
    decode: (bytes) => LocalRecord.decode(groupId, bytes),
    encode: LocalRecord.encode
  }),
  codec({
    name: "applied-record",
    modules: ["domain/apply/AppliedRecord.ts"],
    seeds: [
      bodyOf(
        AppliedRecord.encode(groupId, { index, term, revision: 9 as Revision, sidecarChecksum: 8 })
      )
    ],
    seal: sealedAs("applied"),
    refusals: corrupted,
    decode: (bytes) => AppliedRecord.decode(groupId, bytes),
    encode: (applied) => AppliedRecord.encode(groupId, applied)
  }),
  // A later release may add to it, so what follows the version has no one spelling.
  codec({
    name: "format-version",
    modules: ["domain/state/FormatVersion.ts"],
    seeds: [bodyOf(FormatVersion.encode("log", groupId))],
    seal: sealedAs("formatVersion/log"),
    refusals: ["RecordCorrupted", "FormatVersionUnknown"],
    decode: (bytes) => FormatVersion.check("log", groupId, bytes)
  }),
  codec({
    name: "registration",
    modules: ["domain/encryption/Registration.ts"],
    seeds: [0, 4].map((epoch) =>
      Registration.encode({
        keyId: 8 as KeyId,
        nodeName,
        incarnation: incarnation("1"),
        epoch: epoch as LocalEpoch,
        openingId: opening
      })
    ),
    refusals: malformed,
    decode: Registration.decode,
    encode: Registration.encode
  })
]
