/**
 * A DEK as it is stored and replicated: sealed under the KEK (SPEC §4).
 *
 * Shape: `version 0x01 ‖ nonce(12) ‖ ciphertext(32) ‖ tag(16)`, 61 bytes, AES-256-GCM; AAD = `"K" ‖
 * clusterId(16) ‖ keyId(4) ‖ purpose(1: 1 storage, 2 raft)`, 22 bytes. So a wrapped key that is put
 * under another id, purpose or cluster does not unwrap.
 *
 * What must never happen here: key bytes left in a buffer, or released before the tag has verified.
 * Proof: `WrappedDek.test.ts`.
 */
import { createCipheriv, createDecipheriv } from "node:crypto"
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import {
  DataKey,
  type DataKeyIdentity,
  type KeyEncryptionKey,
  keyBytes,
  purposeByte
} from "./DataKey.ts"
import { type EnvelopeReason, EnvelopeRefused } from "./Errors.ts"
import * as Nonce from "./Nonce.ts"

/** Bytes of a wrapped DEK. */
export const bytes = 61

const version = 0x01
const tagBytes = 16
const algorithm = "aes-256-gcm"

/** Wraps `dek` under `kek`; `nonce` is fresh from the CSPRNG. Also how a DEK is wrapped anew. */
export function wrap(
  { kek, nonce }: { readonly kek: KeyEncryptionKey; readonly nonce: Nonce.Nonce },
  dek: DataKey
): Buffer {
  const cipher = createCipheriv(algorithm, kek.material, nonce, { authTagLength: tagBytes })
  cipher.setAAD(aadOf(dek))
  const plaintext = dek.material.export()
  const ciphertext = cipher.update(plaintext)
  plaintext.fill(0)
  cipher.final()
  return ByteWriter.allocate(bytes)
    .u8(version)
    .bytes(nonce)
    .bytes(ciphertext)
    .bytes(cipher.getAuthTag())
    .done()
}

/** The DEK, if `wrapped` was wrapped under `kek` as the key `identity` says. */
export function unwrap(
  { identity, kek }: { readonly kek: KeyEncryptionKey; readonly identity: DataKeyIdentity },
  wrapped: Uint8Array
): Result.Result<DataKey, EnvelopeRefused> {
  const sealed = asBuffer(wrapped)
  if (sealed.length === 0) return refused(identity, "truncated")
  if (sealed[0] !== version) return refused(identity, "badVersion")
  if (sealed.length < bytes) return refused(identity, "truncated")
  // Version 1 has one length. Bytes after it make the last 16 another tag than the one that was made.
  if (sealed.length > bytes) return refused(identity, "tagMismatch")
  const ciphertextFrom = 1 + Nonce.bytes
  const nonce = sealed.subarray(1, ciphertextFrom)
  const decipher = createDecipheriv(algorithm, kek.material, nonce, { authTagLength: tagBytes })
  decipher.setAuthTag(sealed.subarray(ciphertextFrom + keyBytes))
  decipher.setAAD(aadOf(identity))
  const unverified = decipher.update(sealed.subarray(ciphertextFrom, ciphertextFrom + keyBytes))
  try {
    decipher.final()
  } catch {
    unverified.fill(0)
    return refused(identity, "tagMismatch")
  }
  return Result.succeed(new DataKey(identity, unverified))
}

const aadOf = ({ clusterId, id, purpose }: DataKeyIdentity): Buffer =>
  ByteWriter.allocate(22).ascii("K").hex128(clusterId).u32(id).u8(purposeByte(purpose)).done()

const refused = (
  { id }: DataKeyIdentity,
  reason: EnvelopeReason
): Result.Result<never, EnvelopeRefused> =>
  Result.fail(new EnvelopeRefused({ envelope: "wrappedDek", keyId: id, reason }))
