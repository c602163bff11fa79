/**
 * The bytes of the sidecar: one record of the table `sidecar`, and a part of every snapshot (SPEC §8,
 * §16).
 *
 * One state has one spelling, so replicas at the same applied index hold equal bytes. What must never
 * happen here: a state that breaks its invariants, written or read. Proof: `SidecarRecord.test.ts`.
 *
 * Shape: `version 0x01 ‖ clusterId(16) ‖ activeStorage(4) ‖ activeRaft(4) ‖ storageEnvelopeIndex(8) ‖
 * storageEnvelopeRevision(8) ‖ raftEnvelopeCutoverIndex(8) ‖ keyCount(2)`, then, ascending by id,
 * `id(4) ‖ purpose(1) ‖ createdIndex(8) ‖ clusterId(16) ‖ length(2) ‖ wrapped` each.
 */
import * as Result from "effect/Result"
import { ByteReader } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Malformed } from "../bytes/Errors.ts"
import type { ClusterId, GroupId, KeyId, LogIndex, Revision } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import { type KeyPurpose, purposeByte } from "./DataKey.ts"
import { SidecarInconsistent } from "./Errors.ts"
import * as SidecarState from "./SidecarState.ts"

const version = 0x01
const headerBytes = 51
const keyHeaderBytes = 31

/** For a snapshot. */
export function encode(state: SidecarState.SidecarState): Buffer {
  invariant(problemOf(state) === undefined, "a sidecar that is written is consistent")
  let size = headerBytes
  for (const { wrapped } of state.keys) size += keyHeaderBytes + wrapped.length
  const writer = ByteWriter.allocate(size)
    .u8(version)
    .hex128(state.clusterId)
    .u32(state.active.storage)
    .u32(state.active.raft)
    .u64(state.storageEnvelopeIndex)
    .u64(state.storageEnvelopeRevision)
    .u64(state.raftEnvelopeCutoverIndex)
    .u16(state.keys.length)
  for (const key of state.keys) {
    writer.u32(key.id).u8(purposeByte(key.purpose)).u64(key.createdIndex).hex128(key.clusterId)
    writer.u16(key.wrapped.length).bytes(key.wrapped)
  }
  return writer.done()
}

/** Of a snapshot. Fails with `SidecarInconsistent` if the format holds and an invariant does not. */
export function decode(
  bytes: Uint8Array
): Result.Result<SidecarState.SidecarState, Malformed | SidecarInconsistent> {
  const reader = new ByteReader("sidecar", bytes)
  reader.version(version)
  const clusterId = reader.hex128() as ClusterId
  const active = { storage: reader.u32() as KeyId, raft: reader.u32() as KeyId }
  const storageEnvelopeIndex = reader.u64() as LogIndex
  const storageEnvelopeRevision = reader.within("u64", 0, Limits.revisionMax) as Revision
  const raftEnvelopeCutoverIndex = reader.u64() as LogIndex
  const keys = readKeys(reader)
  const state = reader.end({
    clusterId,
    keys,
    active,
    storageEnvelopeIndex,
    storageEnvelopeRevision,
    raftEnvelopeCutoverIndex
  })
  if (Result.isFailure(state)) return Result.fail(state.failure)
  const problem = problemOf(state.success)
  return problem === undefined ? Result.succeed(state.success) : Result.fail(problem)
}

/** For the table. */
export const encodeRecord = (groupId: GroupId, state: SidecarState.SidecarState): Buffer =>
  Record.encode(identity(groupId), encode(state))

/** Of the table. */
export function decodeRecord(
  groupId: GroupId,
  record: Uint8Array
): Result.Result<SidecarState.SidecarState, RecordCorrupted | SidecarInconsistent> {
  const body = Record.decode(identity(groupId), record)
  if (Result.isFailure(body)) return Result.fail(body.failure)
  const state = decode(body.success)
  if (Result.isSuccess(state)) return Result.succeed(state.success)
  return state.failure._tag === "SidecarInconsistent"
    ? Result.fail(state.failure)
    : Record.corrupted(identity(groupId), "malformed")
}

/** Which invariant of {@link SidecarState.SidecarState} it breaks, if any. */
export function problemOf(state: SidecarState.SidecarState): SidecarInconsistent | undefined {
  const { active, raftEnvelopeCutoverIndex, storageEnvelopeIndex } = state
  const ofKey = keyProblemOf(state, "storage") ?? keyProblemOf(state, "raft")
  if (ofKey !== undefined) return ofKey
  if (storageEnvelopeIndex !== 0 && active.storage === 0) {
    return new SidecarInconsistent({ reason: "storageEnvelopeWithoutKey", keyId: 0 })
  }
  if (raftEnvelopeCutoverIndex === 0) return undefined
  if (active.raft === 0) return new SidecarInconsistent({ reason: "cutoverWithoutKey", keyId: 0 })
  return storageEnvelopeIndex === 0 || storageEnvelopeIndex >= raftEnvelopeCutoverIndex
    ? new SidecarInconsistent({ reason: "cutoverBeforeStorageEnvelope", keyId: 0 })
    : undefined
}

function keyProblemOf(
  state: SidecarState.SidecarState,
  purpose: KeyPurpose
): SidecarInconsistent | undefined {
  const keyId = state.active[purpose]
  const other = purpose === "storage" ? state.active.raft : state.active.storage
  if (keyId === 0) {
    return other === 0 ? undefined : new SidecarInconsistent({ reason: "activeKeyMissing", keyId })
  }
  const key = SidecarState.keyOf(state, keyId)
  if (key === undefined) return new SidecarInconsistent({ reason: "activeKeyMissing", keyId })
  return key.purpose === purpose
    ? undefined
    : new SidecarInconsistent({ reason: "activeKeyOfWrongPurpose", keyId })
}

function readKeys(reader: ByteReader): ReadonlyArray<SidecarState.WrappedKey> {
  const count = reader.count("u16", keyHeaderBytes + 1)
  const keys: Array<SidecarState.WrappedKey> = []
  let previous = 0
  for (let read = 0; read < count && !reader.isRefused; read++) {
    const id = reader.within("u32", 1, 0xffffffff) as KeyId
    if (id <= previous) reader.refuse("notCanonical")
    previous = id
    const purpose = reader.choice(1, 2, "unknownTag") === 1 ? "storage" : "raft"
    const createdIndex = reader.u64() as LogIndex
    const clusterId = reader.hex128() as ClusterId
    // A copy: the state outlives the record or snapshot it was read from.
    const wrapped = Uint8Array.from(reader.block("u16", 1, Limits.wrappedDekBytesMax))
    keys.push({ id, purpose, createdIndex, clusterId, wrapped })
  }
  return keys
}

const identity = (groupId: GroupId): Record.Identity => ({ label: "sidecar", groupId })
