/**
 * What a node keeps about itself and about its peers' openings (SPEC §3, §6, table `local`).
 *
 * What must never happen: an epoch or boot count that comes back smaller, which would repeat a nonce
 * or let a restored disk vote. A damaged record is corruption, never "a new node". Proof:
 * `LocalRecord.test.ts`.
 *
 * Shape of the body: `version 0x01 ‖ clusterId(16) ‖ bootCount(8) ‖ nodeNameLength(1) ‖ nodeName ‖
 * incarnation(16) ‖ epochCount(2)`, then `keyId(4) ‖ epoch(2)` ascending by key, `peerCount(4)`, then
 * `incarnation(16) ‖ bootCount(8)` ascending; a checksummed {@link Record} around it, which the group
 * is part of.
 */
import type * as Result from "effect/Result"
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import * as WriterIdentity from "../encryption/WriterIdentity.ts"
import type { ClusterId, GroupId, Incarnation, KeyId, LocalEpoch, NodeName } from "../Ids.ts"
import type { RecordCorrupted } from "./Errors.ts"
import * as Record from "./Record.ts"

/** What one data directory knows of itself; never replicated. */
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

const version = 0x01
const epochBytes = 6
const peerBytes = 24

/** Equal records have equal bytes, whatever the order of their maps. */
export function encode(local: LocalRecord): Buffer {
  const epochs = [...local.epochs].sort(([a], [b]) => a - b)
  const peers = [...local.peerBootCounts].sort(([a], [b]) => (a < b ? -1 : 1))
  const listBytes = 6 + epochBytes * epochs.length + peerBytes * peers.length
  const writer = ByteWriter.allocate(25 + WriterIdentity.bytesOf(local) + listBytes)
  writer.u8(version).hex128(local.clusterId).u64(local.bootCount)
  WriterIdentity.write(writer, local).u16(epochs.length)
  for (const [keyId, epoch] of epochs) writer.u32(keyId).u16(epoch)
  writer.u32(peers.length)
  for (const [incarnation, bootCount] of peers) writer.hex128(incarnation).u64(bootCount)
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
  const clusterId = reader.hex128() as ClusterId
  const bootCount = reader.u64()
  const { incarnation, nodeName } = WriterIdentity.read(reader)
  const epochs = readEpochs(reader)
  const peerBootCounts = readPeers(reader)
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

function readPeers(reader: ByteReader): ReadonlyMap<Incarnation, number> {
  const bootCounts = new Map<Incarnation, number>()
  let previous = ""
  for (let left = reader.count("u32", peerBytes); left > 0 && !reader.isRefused; left--) {
    const incarnation = reader.hex128() as Incarnation
    if (incarnation <= previous) reader.refuse("notCanonical")
    previous = incarnation
    bootCounts.set(incarnation, reader.u64())
  }
  return bootCounts
}

const identity = (groupId: GroupId): Record.Identity => ({ label: "local", groupId })
