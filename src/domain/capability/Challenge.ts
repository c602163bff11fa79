/**
 * What a leader asks a node before the cluster is encrypted further, or before it is let in (SPEC §14).
 *
 * It carries the wrapped DEKs that the node must be able to use: the active ones, or those that a
 * bootstrap is about to propose. So a node that lags, or is no member yet, is asked the same: it proves
 * the key it holds under that id, or the one that it unwraps here. What must never happen: a challenge
 * used twice, because a proof of old would do again. Proof: `Challenge.test.ts`.
 *
 * Shape: `"SEALOGQ" ‖ version(1) 0x01 ‖ requestId(8) ‖ nonce(32) ‖ clusterId(16) ‖ keyCount(1)`, then
 * ascending `keyId(4) ‖ purpose(1: 1 storage, 2 raft) ‖ clusterId(16) ‖ length(2) ‖ wrapped` each.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import { type DataKeyIdentity, purposeByte } from "../encryption/DataKey.ts"
import type { ClusterId, KeyId } from "../Ids.ts"
import * as Limits from "../Limits.ts"

/** A DEK as it is asked for; its cluster id is the one it was created under. */
export interface AskedKey extends DataKeyIdentity {
  readonly wrapped: Uint8Array
}

export interface Challenge {
  /** Random; the answer repeats it. */
  readonly requestId: bigint
  /** Random, 32 bytes; every proof is over it. */
  readonly nonce: Uint8Array
  /** Of the one who asks. */
  readonly clusterId: ClusterId
  /** At most one for each purpose, ascending by id; none if nothing is to be proven. */
  readonly keys: ReadonlyArray<AskedKey>
}

const magic = "SEALOGQ"
const version = 0x01
export const nonceBytes = 32
const keysMax = 2
const headBytes = magic.length + 1 + 8 + nonceBytes + 16 + 1
const keyHeadBytes = 4 + 1 + 16 + 2

/** A receiver takes nothing longer before it knows the sender. */
export const bytesMax = headBytes + keysMax * (keyHeadBytes + Limits.wrappedDekBytesMax)

export function encode({ clusterId, keys, nonce, requestId }: Challenge): Buffer {
  const keyBytes = keys.reduce((sum, { wrapped }) => sum + keyHeadBytes + wrapped.length, 0)
  const writer = ByteWriter.allocate(headBytes + keyBytes)
    .ascii(magic)
    .u8(version)
    .u64BigInt(requestId)
    .bytes(nonce)
    .hex128(clusterId)
    .u8(keys.length)
  for (const { clusterId: of, id, purpose, wrapped } of keys) {
    writer.u32(id).u8(purposeByte(purpose)).hex128(of).u16(wrapped.length).bytes(wrapped)
  }
  return writer.done()
}

/** Another version of the protocol is `unknownVersion`. */
export function decode(bytes: Uint8Array): Decoded<Challenge> {
  const reader = new ByteReader("capability challenge", bytes)
  if (reader.bytes(magic.length).toString("latin1") !== magic) reader.refuse("unknownTag")
  reader.version(version)
  const requestId = reader.u64BigInt()
  const nonce = reader.bytes(nonceBytes)
  const clusterId = reader.hex128() as ClusterId
  const count = reader.within("u8", 0, keysMax)
  const keys: Array<AskedKey> = []
  for (let at = 0; at < count && !reader.isRefused; at++) {
    const id = reader.within("u32", (keys.at(-1)?.id ?? 0) + 1, 0xffffffff) as KeyId
    const purpose = reader.choice(1, 2, "unknownTag") === 1 ? "storage" : "raft"
    const of = reader.hex128() as ClusterId
    const wrapped = reader.block("u16", 1, Limits.wrappedDekBytesMax)
    if (keys.some((key) => key.purpose === purpose)) reader.refuse("outOfRange")
    keys.push({ id, purpose, clusterId: of, wrapped })
  }
  return reader.end({ requestId, nonce, clusterId, keys })
}
