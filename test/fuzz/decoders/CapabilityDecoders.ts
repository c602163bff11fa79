/** What a node is asked about its keys, and answers (SPEC §14). */
import * as CapabilityAnswer from "../../../src/domain/capability/CapabilityAnswer.ts"
import * as Challenge from "../../../src/domain/capability/Challenge.ts"
import * as Formats from "../../../src/domain/capability/Formats.ts"
import type { ClusterId, KeyId, MemberId, OpeningId } from "../../../src/domain/Ids.ts"
import type { Decoder } from "../Decoder.ts"
import { codec } from "./Codec.ts"
import { incarnation, nodeName } from "./LogDecoders.ts"

const clusterId = "ab".repeat(16) as ClusterId
const keyId = (id: number) => id as KeyId

const challenge: Challenge.Challenge = {
  requestId: 5n,
  nonce: Buffer.alloc(32, 1),
  clusterId,
  keys: [
    { id: keyId(1), purpose: "storage", clusterId, wrapped: Buffer.alloc(61) },
    { id: keyId(2), purpose: "raft", clusterId, wrapped: Buffer.alloc(61) }
  ]
}

const answer: CapabilityAnswer.CapabilityAnswer = {
  requestId: 5n,
  member: { clusterId, id: 2 as MemberId },
  nodeName,
  incarnation: incarnation("2"),
  encryption: "ready",
  epoch: 3,
  epochTakenBy: "d".repeat(32) as OpeningId,
  softwareVersion: "0.1.0",
  formats: Formats.own,
  proofs: [1, 2].map((id) => ({ keyId: keyId(id), proof: Buffer.alloc(32, id) }))
}

export const decoders: ReadonlyArray<Decoder> = [
  codec({
    name: "capability-challenge",
    modules: ["domain/capability/Challenge.ts"],
    seeds: [challenge, { ...challenge, keys: [] }].map(Challenge.encode),
    refusals: ["Malformed"],
    decode: Challenge.decode,
    encode: Challenge.encode
  }),
  codec({
    name: "capability-answer",
    modules: ["domain/capability/CapabilityAnswer.ts"],
    seeds: [
      answer,
      { ...answer, member: undefined, encryption: "off" as const, epochTakenBy: undefined },
      { ...answer, formats: new Map(), proofs: [] }
    ].map(CapabilityAnswer.encode),
    refusals: ["Malformed"],
    decode: CapabilityAnswer.decode,
    encode: CapabilityAnswer.encode
  })
]
