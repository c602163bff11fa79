/**
 * The 12-byte nonces of AES-GCM, made so that none is ever used twice under one key (SPEC §6).
 *
 * Why it exists: one repeated nonce under a key gives away the difference of two plaintexts and the
 * means to forge. The nonces of the two envelopes therefore have no random bits; their parts are
 * unique by construction, and a part that does not fit its field is a bug, never truncated. Only a
 * wrapped DEK has a random one: a KEK wraps few keys, and has no counter that survives.
 * Proof: `Nonce.test.ts`.
 */
import type * as Brand from "effect/Brand"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { GroupId, LocalEpoch, LogIndex, Revision, WriterId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"

/** 12 bytes that only this module makes. */
export type Nonce = Brand.Branded<Buffer, "sealog/Nonce">

/** The length of every nonce. */
export const bytes = 12

/**
 * Of a value in the state store: `groupId(2) ‖ revision(6) ‖ operation(4)`. Every replica makes the
 * same one for the same write; `operation` is the 0-based number of the mutation in its request.
 */
export function storage(parts: {
  readonly groupId: GroupId
  readonly revision: Revision
  readonly operation: number
}): Nonce {
  const { groupId, operation, revision } = parts
  invariant(isWithin(operation, 0, Limits.operationMax), "the operation fits in 4 bytes")
  return ofPlace(groupId, revision, operation)
}

/**
 * Of a recorded result of a session: `groupId(2) ‖ index(6) ‖ position(4)`, under a key of its own
 * (`session/ResultEnvelope`): committed entries stay where they are, and each result has its place.
 */
export function atPlace(place: {
  readonly groupId: GroupId
  readonly index: LogIndex
  readonly position: number
}): Nonce {
  const { groupId, index, position } = place
  invariant(isWithin(position, 0, Limits.operationMax), "the position fits in 4 bytes")
  return ofPlace(groupId, index, position)
}

/**
 * Of an entry of the log: `writerId(2) ‖ localEpoch(2) ‖ writeCount(8)`. The epoch is at least 1,
 * because 0 stands for a registration made by another node; so is the count, which starts anew in
 * each opening and never wraps.
 */
export function raft(parts: {
  readonly writerId: WriterId
  readonly localEpoch: LocalEpoch
  readonly writeCount: number
}): Nonce {
  const { localEpoch, writeCount, writerId } = parts
  invariant(isWithin(writerId, 1, Limits.writerIdMax), "a writer id is within 1..65535")
  invariant(
    isWithin(localEpoch, 1, Limits.localEpochMax),
    "the epoch of a nonce is within 1..65535"
  )
  invariant(
    isWithin(writeCount, 1, Number.MAX_SAFE_INTEGER),
    "a write count is exact and at least 1"
  )
  return ByteWriter.allocate(bytes).u16(writerId).u16(localEpoch).u64(writeCount).done() as Nonce
}

/** Of a wrapped DEK: 12 fresh bytes of the CSPRNG. */
export function random(fresh: Buffer): Nonce {
  invariant(fresh.length === bytes, "a nonce has 12 bytes")
  return fresh as Nonce
}

/** A counter of 6 bytes that never runs twice over the same number, and the place within it. */
function ofPlace(groupId: GroupId, counter: number, within: number): Nonce {
  invariant(isWithin(groupId, 0, 0xffff), "the group of a nonce fits in 2 bytes")
  invariant(isWithin(counter, 1, Limits.revisionMax), "the counter of a nonce fits in 6 bytes")
  return ByteWriter.allocate(bytes)
    .u16(groupId)
    .u16(Math.floor(counter / 2 ** 32))
    .u32(counter % 2 ** 32)
    .u32(within)
    .done() as Nonce
}

const isWithin = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max
