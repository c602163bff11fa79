/**
 * The sealed form of a recorded result (SPEC §5, §7): a result may hold values, so it must not lie in
 * clear beside sealed ones.
 *
 * Why it is apart from the storage envelope: a result has no revision of its own, so its nonce is made
 * of its place in the log, and a key of its own keeps those nonces apart from the values'. The key is
 * derived from the storage DEK (HKDF-SHA-256), so there is none to keep or to rotate.
 * What must never happen: one place for two results; the bare storage DEK used here.
 *
 * Shape: {@link Envelope} with flag 0; nonce = `groupId(2) ‖ index(6) ‖ position(4)`; AAD = `"Q" ‖ version
 * ‖ flag ‖ keyId(4) ‖ clusterId(16) ‖ groupId(2) ‖ index(8) ‖ position(4) ‖ sessionId(16) ‖
 * sequence(8)`. Proof: `ResultEnvelope.test.ts`.
 */
import * as Result from "effect/Result"
import type { DataKey } from "../encryption/DataKey.ts"
import * as Envelope from "../encryption/Envelope.ts"
import { EnvelopeRefused } from "../encryption/Errors.ts"
import * as Nonce from "../encryption/Nonce.ts"
import type { GroupId } from "../Ids.ts"
import { invariant } from "../Invariant.ts"
import type { SessionSequence } from "../log/Request.ts"
import type { Place } from "./SessionRecord.ts"

/** Which result it is. */
export interface Binding extends Place, SessionSequence {
  readonly groupId: GroupId
}

/** Names the use in the derivation of the key. */
const use = "sealog/session-result"

/** `key` is a storage DEK. */
export function seal(key: DataKey, binding: Binding, result: Uint8Array): Buffer {
  invariant(key.purpose === "storage", "a result is sealed under a key of a storage DEK")
  const subkey = subkeyOf(key)
  const sealed = Buffer.allocUnsafe(result.length + Envelope.overheadBytes)
  const nonce = Nonce.atPlace(binding)
  Envelope.sealInto(sealed, 0, { key: subkey, nonce, aad: aadOf(subkey, binding) }, result)
  return sealed
}

/** The result, if it was sealed for this very write at this place. */
export function open(
  keys: Envelope.KeyLookup,
  binding: Binding,
  sealed: Uint8Array
): Result.Result<Buffer, EnvelopeRefused> {
  const aad = (key: DataKey) => aadOf(key, binding)
  return Result.mapError(
    Envelope.open({ purpose: "storage", keys, use: subkeyOf, aadOf: aad }, sealed),
    (reason) =>
      new EnvelopeRefused({ envelope: "storage", keyId: Envelope.keyIdOf(sealed), reason })
  )
}

const subkeyOf = (key: DataKey): DataKey => key.derived(use)

const aadOf = (key: DataKey, { groupId, index, position, sequence, sessionId }: Binding): Buffer =>
  Envelope.beginAad("Q", { key, groupId }, 36)
    .u64(index)
    .u32(position)
    .hex128(sessionId)
    .u64(sequence)
    .done()
