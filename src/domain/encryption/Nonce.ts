/**
 * Nonces without random bits: each is unique under its DEK by construction (SPEC §6, NIST SP 800-38D
 * §8.2.1).
 *
 * What must never happen: one nonce for two plaintexts under one DEK. Who guarantees the parts:
 * revision and operation, the state machine; writer and epoch, the registry; the count, the engine.
 * Proof: `Nonce.test.ts`.
 */
import type { GroupId, LocalEpoch, Revision, WriterId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"

export const nonceBytes = 12

/** Shape: `groupId(2) ‖ revision(6) ‖ operation(4)`. */
export function storage(position: {
  readonly groupId: GroupId
  readonly revision: Revision
  /** 0-based number of the mutation within its request. */
  readonly operation: number
}): Buffer {
  const { groupId, operation, revision } = position
  invariant(revision >= 1 && revision <= Limits.revisionMax, "a sealed value has a revision")
  invariant(operation >= 0 && operation <= Limits.operationMax, "an operation number fits 4 bytes")
  const nonce = Buffer.allocUnsafe(nonceBytes)
  nonce.writeUInt16BE(groupId, 0)
  nonce.writeUIntBE(revision, 2, 6)
  nonce.writeUInt32BE(operation, 8)
  return nonce
}

/** Shape: `writerId(2) ‖ localEpoch(2) ‖ writeCount(8)`. */
export function raft(writer: {
  readonly writerId: WriterId
  readonly localEpoch: LocalEpoch
  /** Counts the seals of one opening, from 1; it never wraps. */
  readonly writeCount: number
}): Buffer {
  const { localEpoch, writeCount, writerId } = writer
  invariant(writerId >= 1 && writerId <= Limits.writerIdMax, "a sealing writer is registered")
  invariant(localEpoch >= 1 && localEpoch <= Limits.localEpochMax, "a sealing opening has an epoch")
  invariant(writeCount >= 1 && Number.isSafeInteger(writeCount), "a write count is never used up")
  const nonce = Buffer.allocUnsafe(nonceBytes)
  nonce.writeUInt16BE(writerId, 0)
  nonce.writeUInt16BE(localEpoch, 2)
  nonce.writeUInt32BE(Math.floor(writeCount / 2 ** 32), 4)
  nonce.writeUInt32BE(writeCount >>> 0, 8)
  return nonce
}
