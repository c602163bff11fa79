/**
 * What a node keeps about itself and about its peers' openings (SPEC §3, §6, table `local`).
 *
 * What must never happen: an epoch or boot count that comes back smaller, which would repeat a nonce
 * or let a restored disk vote. A damaged record is corruption, never "a new node". Proof:
 * `LocalRecord.test.ts`.
 *
 * Shape of the body: `version 0x02 ‖ isAdmitted(1)`, if it is `clusterId(16) ‖ memberId(8)`, then
 * `bootCount(8) ‖ nodeNameLength(1) ‖ nodeName ‖ incarnation(16) ‖ epochCount(2)`, then `keyId(4) ‖
 * epoch(2)` ascending by key, `peerCount(4)`, then `incarnation(16) ‖ bootCount(8) ‖ openingId(16)`
 * ascending; a checksummed {@link Record} around it, which the group is part of.
 */
import type * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as WriterIdentity from "../encryption/WriterIdentity.ts"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  MemberId,
  NodeName,
  OpeningId
} from "../Ids.ts"
import type { SeenOpening } from "../peer/Handshake.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"

/** Which cluster the directory belongs to, and as whom. */
export interface AdmittedAs {
  readonly clusterId: ClusterId
  readonly memberId: MemberId
}

/** What one data directory knows of itself; never replicated. */
export interface LocalRecord {
  readonly nodeName: NodeName
  /** Random, drawn when the directory was created. */
  readonly incarnation: Incarnation
  readonly groupId: GroupId
  /** `undefined` until the node has founded a cluster or one has admitted it; then for good. */
  readonly admitted: AdmittedAs | undefined
  /** Openings of this directory, the current one included. */
  readonly bootCount: number
  /** The last epoch used with each raft DEK; only ever grows. */
  readonly epochs: ReadonlyMap<KeyId, LocalEpoch>
  /** The newest opening seen of each peer incarnation. */
  readonly peers: ReadonlyMap<Incarnation, SeenOpening>
}

const version = 0x02
const epochBytes = 6
const peerBytes = 40

/** Equal records have equal bytes, whatever the order of their maps. */
export function encode(local: LocalRecord): Buffer {
  const epochs = [...local.epochs].sort(([a], [b]) => a - b)
  const peers = [...local.peers].sort(([a], [b]) => (a < b ? -1 : 1))
  const { admitted } = local
  const listBytes = 6 + epochBytes * epochs.length + peerBytes * peers.length
  const admittedBytes = admitted === undefined ? 0 : 24
  const size = 10 + admittedBytes + WriterIdentity.bytesOf(local) + listBytes
  const writer = ByteWriter.allocate(size).u8(version)
  if (admitted === undefined) writer.u8(0)
  else writer.u8(1).hex128(admitted.clusterId).u64(admitted.memberId)
  WriterIdentity.write(writer.u64(local.bootCount), local).u16(epochs.length)
  for (const [keyId, epoch] of epochs) writer.u32(keyId).u16(epoch)
  writer.u32(peers.length)
  for (const [incarnation, { bootCount, openingId }] of peers) {
    writer.hex128(incarnation).u64(bootCount).hex128(openingId)
  }
  return Record.encode(identity(local.groupId), writer.done())
}

/** The record of this group. Fails with `RecordCorrupted`, naming `local`. */
export const decode = (
  groupId: GroupId,
  record: Uint8Array
): Result.Result<LocalRecord, RecordCorrupted> =>
  Record.decodeAs(identity(groupId), record, (body) => decodeBody(groupId, body))

function decodeBody(groupId: GroupId, body: Buffer): Decoded<LocalRecord> {
  const reader = new ByteReader("local record", body)
  reader.version(version)
  const isAdmitted = reader.choice(0, 1, "unknownFlag") === 1
  const admitted = isAdmitted ? readAdmitted(reader) : undefined
  const bootCount = reader.u64()
  const { incarnation, nodeName } = WriterIdentity.read(reader)
  const epochs = readEpochs(reader)
  const peers = readPeers(reader)
  return reader.end({ nodeName, incarnation, groupId, admitted, bootCount, epochs, peers })
}

const readAdmitted = (reader: ByteReader): AdmittedAs => ({
  clusterId: reader.hex128() as ClusterId,
  memberId: reader.within("u64", 1, Number.MAX_SAFE_INTEGER) as MemberId
})

function readEpochs(reader: ByteReader): ReadonlyMap<KeyId, LocalEpoch> {
  const epochs = new Map<KeyId, LocalEpoch>()
  let previous = 0
  for (let left = reader.count("u16", epochBytes); left > 0 && !reader.isRefused; left--) {
    const keyId = reader.within("u32", 1, 0xffffffff) as KeyId
    if (keyId <= previous) reader.refuse("notCanonical")
    previous = keyId
    epochs.set(keyId, reader.u16() as LocalEpoch)
  }
  return epochs
}

function readPeers(reader: ByteReader): ReadonlyMap<Incarnation, SeenOpening> {
  const seen = new Map<Incarnation, SeenOpening>()
  let previous = ""
  for (let left = reader.count("u32", peerBytes); left > 0 && !reader.isRefused; left--) {
    const incarnation = reader.hex128() as Incarnation
    if (incarnation <= previous) reader.refuse("notCanonical")
    previous = incarnation
    seen.set(incarnation, { bootCount: reader.u64(), openingId: reader.hex128() as OpeningId })
  }
  return seen
}

const identity = (groupId: GroupId): Record.Identity => ({ label: "local", groupId })
