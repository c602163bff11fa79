/**
 * What a node keeps about itself and about its peers' openings (SPEC §3, §6), and how the log
 * environment's `local` table holds it.
 *
 * What must never happen here: a record of another group or a damaged one read as this node's. An
 * epoch or a boot count that came back smaller would repeat nonces. Proof: `LocalRecord.test.ts` in
 * `test/layers` (every flipped bit), and the contract suite of `LocalStore`.
 *
 * Shape of the body: `0x01 ‖ nodeName (length(1), ASCII) ‖ incarnation(16) ‖ clusterId(16) ‖
 * groupId(2) ‖ bootCount(8) ‖ count(4) × (keyId(4) ‖ epoch(2)) ‖ count(4) × (incarnation(16) ‖
 * bootCount(8))`; both lists ascend, so that one record has one spelling. A checksummed
 * {@link Record} around it.
 */
import * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { ClusterId, GroupId, Incarnation, KeyId, LocalEpoch, NodeName } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"

export interface LocalRecord {
  readonly nodeName: NodeName
  /** Random, drawn when the directory was created. */
  readonly incarnation: Incarnation
  readonly clusterId: ClusterId
  readonly groupId: GroupId
  /** Openings of this directory, the current one included. */
  readonly bootCount: number
  /** The last epoch used with each raft DEK; only ever grows. */
  readonly epochs: ReadonlyMap<KeyId, LocalEpoch>
  /** The highest boot count seen of each peer incarnation. */
  readonly peerBootCounts: ReadonlyMap<Incarnation, number>
}

const label = "local"
const version = 1
const epochBytes = 6
const peerBytes = 24
const nodeNamePattern = /^[A-Za-z0-9_.-]+$/

export function encode(record: LocalRecord): Buffer {
  invariant(
    record.nodeName.length <= Limits.nodeNameBytesMax && nodeNamePattern.test(record.nodeName),
    "a node name is 1 to 64 ASCII characters"
  )
  const epochs = [...record.epochs].sort(([a], [b]) => a - b)
  const peers = [...record.peerBootCounts].sort(([a], [b]) => (a < b ? -1 : 1))
  const size =
    1 + 1 + record.nodeName.length + 16 + 16 + 2 + 8 + 4 + 4 +
    epochs.length * epochBytes + peers.length * peerBytes
  const writer = ByteWriter.allocate(size)
    .u8(version)
    .u8(record.nodeName.length)
    .ascii(record.nodeName)
    .hex128(record.incarnation)
    .hex128(record.clusterId)
    .u16(record.groupId)
    .u64(record.bootCount)
  writer.u32(epochs.length)
  for (const [keyId, epoch] of epochs) writer.u32(keyId).u16(epoch)
  writer.u32(peers.length)
  for (const [incarnation, bootCount] of peers) writer.hex128(incarnation).u64(bootCount)
  return Record.encode({ label, groupId: record.groupId }, writer.done())
}

/** Fails with `inconsistent` if the record is intact but names another group than its place. */
export function decode(
  groupId: GroupId,
  bytes: Uint8Array
): Result.Result<LocalRecord, RecordCorrupted> {
  const record = Record.decodeAs({ label, groupId }, bytes, decodeBody)
  if (Result.isSuccess(record) && record.success.groupId !== groupId) {
    return Record.corrupted({ label, groupId }, "inconsistent")
  }
  return record
}

function decodeBody(body: Buffer): Decoded<LocalRecord> {
  const reader = new ByteReader("local record", body)
  reader.version(version)
  const nodeName = reader.block("u8", 1, Limits.nodeNameBytesMax).toString("latin1") as NodeName
  if (!reader.isRefused && !nodeNamePattern.test(nodeName)) reader.refuse("outOfRange")
  const incarnation = reader.hex128() as Incarnation
  const clusterId = reader.hex128() as ClusterId
  const groupId = reader.u16() as GroupId
  const bootCount = reader.u64()
  const epochs = decodeEpochs(reader)
  const peerBootCounts = decodePeers(reader)
  return reader.end({
    nodeName,
    incarnation,
    clusterId,
    groupId,
    bootCount,
    epochs,
    peerBootCounts
  })
}

function decodeEpochs(reader: ByteReader): ReadonlyMap<KeyId, LocalEpoch> {
  const epochs = new Map<KeyId, LocalEpoch>()
  let last = -1
  for (let left = reader.count("u32", epochBytes); left > 0; left--) {
    const keyId = reader.u32() as KeyId
    if (keyId <= last) reader.refuse("notCanonical")
    epochs.set(keyId, reader.u16() as LocalEpoch)
    last = keyId
  }
  return epochs
}

function decodePeers(reader: ByteReader): ReadonlyMap<Incarnation, number> {
  const peers = new Map<Incarnation, number>()
  let last = ""
  for (let left = reader.count("u32", peerBytes); left > 0; left--) {
    const incarnation = reader.hex128() as Incarnation
    if (incarnation <= last) reader.refuse("notCanonical")
    peers.set(incarnation, reader.u64())
    last = incarnation
  }
  return peers
}
