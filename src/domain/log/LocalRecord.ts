/**
 * What a node keeps about itself and about its peers' openings (SPEC §3, §6): one record, replaced
 * whole, so that name, boot count and epochs are always of one moment.
 *
 * Proof: `LocalRecord.test.ts`.
 *
 * Shape of the body: `0x01 ‖ groupId(2) ‖ clusterId(16) ‖ incarnation(16) ‖ bootCount(8) ‖
 * nameLength(1) ‖ nodeName ‖ count(2) ‖ (keyId(4) ‖ epoch(2))* ‖ count(2) ‖ (incarnation(16) ‖
 * bootCount(8))*`.
 */
import type * as Result from "effect/Result"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  NodeName
} from "../Ids.ts"
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

const identity = (groupId: GroupId): Record.Identity => ({ label: "local", groupId })
const version = 0x01

/** With its checksum. */
export function encode(record: LocalRecord): Buffer {
  const { bootCount, clusterId, epochs, groupId, incarnation, nodeName, peerBootCounts } = record
  const size = 48 + nodeName.length + 6 * epochs.size + 24 * peerBootCounts.size
  const writer = ByteWriter.allocate(size)
    .u8(version)
    .u16(groupId)
    .hex128(clusterId)
    .hex128(incarnation)
    .u64(bootCount)
    .u8(nodeName.length)
    .ascii(nodeName)
    .u16(epochs.size)
  for (const [keyId, epoch] of epochs) writer.u32(keyId).u16(epoch)
  writer.u16(peerBootCounts.size)
  for (const [peer, count] of peerBootCounts) writer.hex128(peer).u64(count)
  return Record.encode(identity(groupId), writer.done())
}

export const decode = (
  groupId: GroupId,
  bytes: Uint8Array
): Result.Result<LocalRecord, RecordCorrupted> =>
  Record.decodeAs(identity(groupId), bytes, (body) => {
    const reader = new ByteReader("local record", body)
    reader.version(version)
    const groupIdFound = reader.u16() as GroupId
    if (groupIdFound !== groupId) reader.refuse("outOfRange")
    const clusterId = reader.hex128() as ClusterId
    const incarnation = reader.hex128() as Incarnation
    const bootCount = reader.u64()
    const nodeName = reader
      .block("u8", 1, Limits.nodeNameBytesMax)
      .toString("latin1") as NodeName
    return reader.end({
      nodeName,
      incarnation,
      clusterId,
      groupId,
      bootCount,
      epochs: readEpochs(reader),
      peerBootCounts: readPeers(reader)
    })
  })

function readEpochs(reader: ByteReader): Map<KeyId, LocalEpoch> {
  const epochs = new Map<KeyId, LocalEpoch>()
  for (let left = reader.count("u16", 6); left > 0; left -= 1) {
    epochs.set(reader.u32() as KeyId, reader.u16() as LocalEpoch)
  }
  return epochs
}

function readPeers(reader: ByteReader): Map<Incarnation, number> {
  const peers = new Map<Incarnation, number>()
  for (let left = reader.count("u16", 24); left > 0; left -= 1) {
    peers.set(reader.hex128() as Incarnation, reader.u64())
  }
  return peers
}
