/**
 * A DEK as it is stored: wrapped by the KEK (SPEC §4).
 *
 * Bound to cluster, key id and purpose, so that one wrapped key cannot stand in for another.
 * Proof: `WrappedDek.test.ts`.
 *
 * Shape: `0x01 ‖ nonce(12, random) ‖ ciphertext(32) ‖ tag(16)`, AES-256-GCM, AAD = `"K" ‖
 * clusterId(16) ‖ keyId(4) ‖ purpose(1: 1 storage, 2 raft)`.
 */
import { createCipheriv, createDecipheriv } from "node:crypto"
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import { invariant } from "../Invariant.ts"
import { DataKey, type DataKeyIdentity, type KeyEncryptionKey, keyBytes } from "./DataKey.ts"
import { nonceBytes } from "./Nonce.ts"

export const wrappedBytes = 61

const version = 0x01
const tagBytes = 16
const headerBytes = 1 + nonceBytes
const algorithm = "aes-256-gcm"
const options = { authTagLength: tagBytes }

/** Why a wrapped DEK does not unwrap. */
export type UnwrapReason = "truncated" | "badVersion" | "tagMismatch"

/** `nonce` is random: the KEK wraps few keys. `dek` stays the caller's to zero. */
export function wrap(
  { identity, kek, nonce }: {
    readonly kek: KeyEncryptionKey
    readonly identity: DataKeyIdentity
    readonly nonce: Buffer
  },
  dek: Buffer
): Buffer {
  invariant(dek.length === keyBytes && nonce.length === nonceBytes, "a DEK has 32 bytes")
  const wrapped = Buffer.allocUnsafeSlow(wrappedBytes)
  wrapped[0] = version
  wrapped.set(nonce, 1)
  const cipher = createCipheriv(algorithm, kek.keyObject, nonce, options)
  cipher.setAAD(aadOf(identity))
  wrapped.set(cipher.update(dek), headerBytes)
  cipher.final()
  wrapped.set(cipher.getAuthTag(), headerBytes + keyBytes)
  return wrapped
}

/** The DEK; its bytes existed outside of it only for the length of this call. */
export function unwrap(
  { identity, kek }: { readonly kek: KeyEncryptionKey; readonly identity: DataKeyIdentity },
  bytes: Uint8Array
): Result.Result<DataKey, UnwrapReason> {
  const wrapped = asBuffer(bytes)
  if (wrapped.length !== wrappedBytes) return Result.fail("truncated")
  if (wrapped[0] !== version) return Result.fail("badVersion")
  const nonce = wrapped.subarray(1, headerBytes)
  const decipher = createDecipheriv(algorithm, kek.keyObject, nonce, options)
  decipher.setAAD(aadOf(identity))
  decipher.setAuthTag(wrapped.subarray(headerBytes + keyBytes))
  const released = decipher.update(wrapped.subarray(headerBytes, headerBytes + keyBytes))
  const dek = Buffer.allocUnsafeSlow(keyBytes)
  dek.set(released)
  released.fill(0)
  try {
    decipher.final()
  } catch {
    dek.fill(0)
    return Result.fail("tagMismatch")
  }
  return Result.succeed(new DataKey(identity, dek))
}

const aadOf = ({ clusterId, keyId, purpose }: DataKeyIdentity): Buffer =>
  ByteWriter.allocate(22)
    .ascii("K")
    .hex128(clusterId)
    .u32(keyId)
    .u8(purpose === "storage" ? 1 : 2)
    .done()
