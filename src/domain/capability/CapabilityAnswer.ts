/**
 * What a node answers a {@link Challenge}: who it is, what it understands, its epoch, and a proof for
 * each DEK that it can use (SPEC §14). None of it is believed but what the proofs show.
 *
 * Proof: `CapabilityAnswer.test.ts`.
 *
 * Shape: `"SEALOGC" ‖ version(1) 0x01 ‖ requestId(8) ‖ clusterId(16) ‖ memberId(8) ‖ nameLength(1) ‖
 * nodeName ‖ incarnation(16) ‖ encryption(1: 0 off, 1 without a KEK, 2 ready) ‖ epoch(4) ‖
 * epochTakenBy(16) ‖ versionLength(1) ‖ softwareVersion ‖ formatCount(1)`, ascending `id(1) ‖ version(1)`
 * each, `proofCount(1)`, ascending `keyId(4) ‖ proof(32)` each. Cluster and member of a node that has
 * none, and the opening that has taken no epoch, are zero.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as WriterIdentity from "../encryption/WriterIdentity.ts"
import type { ClusterId, KeyId, MemberId, OpeningId } from "../Ids.ts"
import * as Proof from "./Proof.ts"

export interface KeyProof {
  readonly keyId: KeyId
  readonly proof: Uint8Array
}

export interface CapabilityAnswer extends WriterIdentity.WriterIdentity {
  /** Of the challenge. */
  readonly requestId: bigint
  /** Of a member; `undefined` of a node that is to become one. */
  readonly member: { readonly clusterId: ClusterId; readonly id: MemberId } | undefined
  readonly encryption: "off" | "withoutKek" | "ready"
  /** The newest it has of the raft DEK that was asked for; wider here than an epoch may be. */
  readonly epoch: number
  /** This opening, if it has taken that epoch; else the next one it takes is greater. */
  readonly epochTakenBy: OpeningId | undefined
  readonly softwareVersion: string
  /** The newest version of each format, by its id. */
  readonly formats: ReadonlyMap<number, number>
  /** Of the keys that were asked for, those it can use. */
  readonly proofs: ReadonlyArray<KeyProof>
}

const magic = "SEALOGC"
const version = 0x01
const none = "0".repeat(32)
const encryptions = ["off", "withoutKek", "ready"] as const
const versionBytesMax = 64
const formatsMax = 0xff
const proofsMax = 2
const fixedBytes = magic.length + 1 + 8 + 16 + 8 + 1 + 4 + 16 + 3

/** A receiver takes nothing longer. */
export const bytesMax =
  fixedBytes + 17 + 64 + versionBytesMax + 2 * formatsMax + proofsMax * (4 + Proof.bytes)

export function encode(answer: CapabilityAnswer): Buffer {
  const { encryption, epoch, epochTakenBy, formats, member, proofs, softwareVersion } = answer
  const listBytes = 2 * formats.size + proofs.length * (4 + Proof.bytes)
  const writer = ByteWriter.allocate(
    fixedBytes + WriterIdentity.bytesOf(answer) + softwareVersion.length + listBytes
  )
    .ascii(magic)
    .u8(version)
    .u64BigInt(answer.requestId)
    .hex128(member?.clusterId ?? none)
    .u64(member?.id ?? 0)
  WriterIdentity.write(writer, answer)
    .u8(encryptions.indexOf(encryption))
    .u32(epoch)
    .hex128(epochTakenBy ?? none)
    .u8(softwareVersion.length)
    .ascii(softwareVersion)
    .u8(formats.size)
  for (const [id, newest] of [...formats].sort(([a], [b]) => a - b)) writer.u8(id).u8(newest)
  writer.u8(proofs.length)
  for (const { keyId, proof } of proofs) writer.u32(keyId).bytes(proof)
  return writer.done()
}

/** Another version of the protocol is `unknownVersion`. */
export function decode(bytes: Uint8Array): Decoded<CapabilityAnswer> {
  const reader = new ByteReader("capability answer", bytes)
  if (reader.bytes(magic.length).toString("latin1") !== magic) reader.refuse("unknownTag")
  reader.version(version)
  const requestId = reader.u64BigInt()
  const clusterId = reader.hex128() as ClusterId
  const id = reader.u64() as MemberId
  // A cluster without a member in it, or the other way round, is neither.
  if ((clusterId === none) !== (id === 0)) reader.refuse("outOfRange")
  const { incarnation, nodeName } = WriterIdentity.read(reader)
  const encryption = encryptions[reader.choice(0, 2, "unknownTag")]!
  const epoch = reader.u32()
  const takenBy = reader.hex128() as OpeningId
  const softwareVersion = reader.block("u8", 1, versionBytesMax).toString("latin1")
  if (!/^[!-~]*$/.test(softwareVersion)) reader.refuse("outOfRange")
  const formats = readFormats(reader)
  const proofs = readProofs(reader)
  return reader.end({
    ...{ requestId, nodeName, incarnation, encryption, epoch, softwareVersion, formats, proofs },
    member: id === 0 ? undefined : { clusterId, id },
    epochTakenBy: takenBy === none ? undefined : takenBy
  })
}

function readFormats(reader: ByteReader): ReadonlyMap<number, number> {
  const formats = new Map<number, number>()
  const count = reader.count("u8", 2)
  let previous = 0
  for (let at = 0; at < count && !reader.isRefused; at++) {
    previous = reader.within("u8", previous + 1, 0xff)
    formats.set(previous, reader.u8())
  }
  return formats
}

function readProofs(reader: ByteReader): ReadonlyArray<KeyProof> {
  const proofs: Array<KeyProof> = []
  const count = reader.within("u8", 0, proofsMax)
  for (let at = 0; at < count && !reader.isRefused; at++) {
    const keyId = reader.within("u32", (proofs.at(-1)?.keyId ?? 0) + 1, 0xffffffff) as KeyId
    proofs.push({ keyId, proof: reader.bytes(Proof.bytes) })
  }
  return proofs
}
