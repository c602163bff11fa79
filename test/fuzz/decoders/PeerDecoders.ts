/** What arrives at the peer port (SPEC §3, §9, §16). */
import * as Result from "effect/Result"
import type { ClusterId, LogIndex, MemberId, OpeningId, Term } from "../../../src/domain/Ids.ts"
import * as AdmissionAnswer from "../../../src/domain/peer/AdmissionAnswer.ts"
import { PeerRefused } from "../../../src/domain/peer/Errors.ts"
import * as Frame from "../../../src/domain/peer/Frame.ts"
import * as Handshake from "../../../src/domain/peer/Handshake.ts"
import * as Introduction from "../../../src/domain/peer/Introduction.ts"
import * as PeerMessages from "../../../src/domain/peer/PeerMessages.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import * as MembershipRecord from "../../../src/domain/raft/MembershipRecord.ts"
import type { Message } from "../../../src/domain/raft/Message.ts"
import { type Decoder, piecesOf, refused, type Verdict } from "../Decoder.ts"
import { codec, groupId } from "./Codec.ts"
import { incarnation, nodeName } from "./LogDecoders.ts"

const member = (id: number) => id as MemberId
const ends = { from: member(2), to: member(1) }
const head = { ...ends, term: 7 as Term }
const at = (term: number, index: number) => ({ term: term as Term, index: index as LogIndex })
const clusterId = "ab".repeat(16) as ClusterId
const malformed = ["Malformed"]

const joint: Membership.Membership = {
  voters: [member(1), member(2)],
  votersOutgoing: [member(1), member(3)],
  learners: [member(4)],
  learnersNext: [member(3)],
  autoLeave: true
}

const entry = (index: number, kind: "normal" | "noop") => ({
  ...at(5, index),
  kind,
  data: Buffer.from(kind)
})

const messages: ReadonlyArray<Message> = [
  {
    _tag: "Append",
    ...head,
    previous: at(5, 16),
    entries: [entry(17, "normal"), entry(18, "noop")],
    commit: 15 as LogIndex
  },
  { _tag: "AppendResponse", ...head, index: 9 as LogIndex, rejectionHint: at(4, 8) },
  { _tag: "AppendResponse", ...head, index: 9 as LogIndex, rejectionHint: undefined },
  { _tag: "Vote", ...head, last: at(6, 3), isTransfer: true },
  { _tag: "VoteResponse", ...head, granted: true, committed: undefined },
  { _tag: "PreVote", ...head, last: at(6, 3) },
  { _tag: "PreVoteResponse", ...head, granted: false, committed: at(6, 40) },
  { _tag: "Heartbeat", ...head, commit: 3 as LogIndex, readPosition: 4 },
  { _tag: "HeartbeatResponse", ...head, readPosition: 4 },
  { _tag: "InstallSnapshot", ...head, snapshot: { ...at(4, 9), membership: joint } },
  { _tag: "TimeoutNow", ...head },
  { _tag: "TransferLeadership", ...head, transferee: member(3) },
  { _tag: "ReadIndex", ...ends, request: { requester: member(2), requestId: 2n ** 64n - 1n } },
  { _tag: "ReadIndexResponse", ...head, index: 9 as LogIndex, requestId: 1n }
]

const node: Handshake.Node = {
  memberId: member(2),
  nodeName,
  incarnation: incarnation("2"),
  bootCount: 3,
  openingId: "d".repeat(32) as OpeningId,
  endpoint: "127.0.0.1:4000",
  address: "[::1]:4001"
}

const introduction: Introduction.Introduction = {
  nodeName,
  incarnation: incarnation("2"),
  address: { host: "127.0.0.1", port: 4001 },
  listDigest: "e".repeat(32),
  hasKek: true,
  softwareVersion: "0.1.0"
}

const answers: ReadonlyArray<AdmissionAnswer.AdmissionAnswer> = [
  { _tag: "Admitted", clusterId, memberId: member(4) },
  { _tag: "Waiting", leader: undefined },
  { _tag: "Waiting", leader: { host: "::1", port: 99 } },
  { _tag: "Refused", reason: "nameTaken" }
]

const frame = (type: Frame.FrameType, body: string): Buffer =>
  Buffer.concat([Frame.header(type, body.length), Buffer.from(body)])

/** Of a connection whose peer is not known yet, so that lengths beyond the bound are near. */
const frameBytesMax = 600

function readFrames(pieces: ReadonlyArray<Uint8Array>): {
  readonly verdict: Verdict
  frames: Buffer
} {
  const reader = new Frame.FrameReader({ bytesMax: frameBytesMax })
  const frames: Array<Buffer> = []
  for (const piece of pieces) {
    const read = reader.push(piece)
    if (Result.isFailure(read)) {
      return { verdict: refused(read.failure), frames: Buffer.concat([]) }
    }
    for (const { body, type } of read.success) frames.push(Frame.header(type, body.length), body)
  }
  const kind = `${Math.min(4, frames.length / 2)}`
  const verdict: Verdict = { _tag: "Accepted", kind, spelling: undefined }
  return { verdict, frames: Buffer.concat(frames) }
}

const frameDecoder: Decoder = {
  name: "frames",
  modules: ["domain/peer/Frame.ts"],
  seeds: [
    frame("hello", "hello"),
    Buffer.concat([frame("messages", "m"), frame("alive", ""), frame("chunk", "c".repeat(300))]),
    frame("end", "").subarray(0, 3)
  ],
  refusals: malformed,
  run: (bytes, random) => {
    const whole = readFrames([bytes])
    const inPieces = readFrames(piecesOf(bytes, random))
    const isSame =
      JSON.stringify(whole.verdict) === JSON.stringify(inPieces.verdict) &&
      whole.frames.equals(inPieces.frames)
    if (!isSame) return { _tag: "Contradiction", says: "other frames in pieces than at once" }
    // What was read is what stands at the beginning; the rest is the part of a frame.
    return whole.verdict._tag === "Accepted"
      ? {
          ...whole.verdict,
          spelling: Buffer.concat([whole.frames, bytes.subarray(whole.frames.length)])
        }
      : whole.verdict
  }
}

export const decoders: ReadonlyArray<Decoder> = [
  frameDecoder,
  codec({
    name: "greeting",
    modules: ["domain/peer/Handshake.ts"],
    seeds: [node, { ...node, endpoint: "", address: "" }].map((sender) =>
      Handshake.encode({ clusterId, groupId, node: sender, to: member(1) })
    ),
    refusals: malformed,
    decode: Handshake.decode,
    encode: Handshake.encode
  }),
  codec({
    name: "peer-refusal",
    modules: ["domain/peer/Handshake.ts"],
    seeds: (["diskRolledBack", "otherCluster"] as const).map((reason) =>
      Handshake.encodeRefusal(new PeerRefused({ reason, peer: nodeName, memberId: 3 }))
    ),
    refusals: malformed,
    decode: Handshake.decodeRefusal,
    encode: Handshake.encodeRefusal
  }),
  codec({
    name: "introduction",
    modules: ["domain/peer/Introduction.ts"],
    seeds: [introduction, { ...introduction, listDigest: undefined, hasKek: false }].map(
      Introduction.encode
    ),
    refusals: malformed,
    decode: Introduction.decode,
    encode: Introduction.encode
  }),
  codec({
    name: "admission-answer",
    modules: ["domain/peer/AdmissionAnswer.ts"],
    seeds: answers.map(AdmissionAnswer.encode),
    refusals: malformed,
    decode: AdmissionAnswer.decode,
    encode: AdmissionAnswer.encode
  }),
  codec({
    name: "peer-messages",
    modules: ["domain/peer/PeerMessages.ts"],
    seeds: [
      ...messages.map((message) => PeerMessages.encode([message])),
      PeerMessages.encode(messages)
    ],
    refusals: malformed,
    decode: (bytes) => PeerMessages.decode(ends, bytes),
    encode: PeerMessages.encode
  }),
  codec({
    name: "configuration",
    modules: ["domain/raft/MembershipRecord.ts"],
    seeds: [joint, Membership.make([member(1), member(2)], [member(9)])].map(
      MembershipRecord.encode
    ),
    refusals: malformed,
    decode: MembershipRecord.decode,
    encode: MembershipRecord.encode
  })
]
