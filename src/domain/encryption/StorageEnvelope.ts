/**
 * The sealed form of a value in the state store (SPEC §5).
 *
 * Why it exists: it binds the value to its key and revision, so that one copied to another key, or put
 * back after it was overwritten, does not open. Values are sealed **at apply only**, with a nonce that
 * every replica makes alike: at append, an uncommitted index could come back with other content under
 * the same nonce.
 *
 * Shape: {@link Envelope}; AAD = `"S" ‖ version ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖ groupId(2) ‖
 * revision(8) ‖ key`, 33 bytes and the key. Flag bit 0 (compressed) is not supported by this release
 * and refused as `badFlag`, like every other bit. Proof: `StorageEnvelope.test.ts`.
 */
import * as Result from "effect/Result"
import type { GroupId, Revision } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { DataKey } from "./DataKey.ts"
import * as Envelope from "./Envelope.ts"
import { EnvelopeRefused } from "./Errors.ts"
import type { Nonce } from "./Nonce.ts"

/** What sealing adds. */
export const overheadBytes = Envelope.overheadBytes

/** The place of a value, to which its envelope is bound. */
export interface Place {
  readonly groupId: GroupId
  /** Of the request that wrote the value. */
  readonly revision: Revision
  /** The key it is stored under. */
  readonly storeKey: Uint8Array
}

/** How to seal. */
export interface SealOptions extends Place {
  /** A DEK of purpose `storage`. */
  readonly key: DataKey
  /** Of `Nonce.storage`, with the same group and revision. */
  readonly nonce: Nonce
}

/** `value` sealed, in memory of its own: 34 bytes more. */
export function seal(options: SealOptions, value: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(value.length + Envelope.overheadBytes)
  sealInto(sealed, 0, options, value)
  return sealed
}

/** Like {@link seal}, into `out` at `from`: with `Value.allocate`, one buffer per value. */
export function sealInto(out: Buffer, from: number, options: SealOptions, value: Uint8Array): void {
  const { key, nonce } = options
  invariant(key.purpose === "storage", "a value is sealed under a storage DEK")
  Envelope.sealInto(out, from, { key, nonce, aad: aadOf(key, options) }, value)
}

/** How to open. */
export interface OpenOptions extends Place {
  readonly keys: Envelope.KeyLookup
}

/** The value, if `sealed` was sealed for this very place under a storage DEK that `keys` holds. */
export function open(
  options: OpenOptions,
  sealed: Uint8Array
): Result.Result<Buffer, EnvelopeRefused> {
  const aad = (key: DataKey) => aadOf(key, options)
  return Result.mapError(
    Envelope.open({ purpose: "storage", keys: options.keys, aadOf: aad }, sealed),
    (reason) =>
      new EnvelopeRefused({ envelope: "storage", keyId: Envelope.keyIdOf(sealed), reason })
  )
}

const aadOf = (key: DataKey, { groupId, revision, storeKey }: Place): Buffer =>
  Envelope.beginAad("S", { key, groupId }, 8 + storeKey.length)
    .u64(revision)
    .bytes(storeKey)
    .done()
